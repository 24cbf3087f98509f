/*
 * Signed lists: ed25519 over the bytes as they were delivered, the signature in a file beside the
 * list. For sites that publish to their own relays: whoever takes the web server over can still
 * not put an entry into the list. Pure; libcrypto does the arithmetic.
 *
 * ed25519 wants the whole message at once, so a body that went to a file is read into memory for
 * the moment of the check: max_bytes bounds it. (Not mapped: a file that somebody cuts short must
 * not end the process.)
 */
#ifndef FEEDS_SIGNATURE_H
#define FEEDS_SIGNATURE_H

#include "rcptguard/feeds.h"

#define SIGNATURE_SUFFIX     ".sig" /* behind the name of the list */
#define SIGNATURE_BYTES      64
#define SIGNATURE_FILE_BYTES 4096 /* most that a file with one may hold */

/*
 * Is SIGNATURE, the contents of its file, one of MESSAGE by KEY? 0; ERR_SYNTAX: it is no signature;
 * ERR_REFUSED: it is another one; ERR_NOMEM.
 */
int signature_check(const unsigned char key[FEED_PUBKEY_BYTES], struct view signature,
                    struct view message, struct error *why);

#endif
