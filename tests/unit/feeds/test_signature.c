/* Keys and signatures in all their spellings, and the test vectors of RFC 8032, 7.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feeds/fetch/signature.h"
#include "rcptguard/base/hash.h"

#define KEY1 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SIG1                                                                                       \
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9" \
    "b46bd25bf5f0595bbe24655141438e7a100b"
#define KEY2 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
#define SIG2                                                                                       \
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1" \
    "1d8c387b2eaeb4302aeeb00d291612bb0c00"

/* KEY1 as `openssl pkey -pubout` prints it. */
#define SPKI1 "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RAW1  "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void test_keys(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        {KEY1, true},
        {"  " KEY1 "\n", true},
        {RAW1, true},
        {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", true},
        {SPKI1, true},
        {SPKI1 "\r\n", true},
        {"-----BEGIN PUBLIC KEY-----\n" SPKI1 "\n-----END PUBLIC KEY-----\n", true},
        {"-----BEGIN PUBLIC KEY-----\r\n" SPKI1 "\r\n-----END PUBLIC KEY-----", true},
        {"-----BEGIN PUBLIC KEY-----\n" RAW1 "\n-----END PUBLIC KEY-----\n", false},
        {"-----BEGIN PUBLIC KEY-----\n" SPKI1 "\n", false},
        {"-----BEGIN PUBLIC KEY-----", false},
        {"-----BEGIN PRIVATE KEY-----\n" SPKI1 "\n-----END PRIVATE KEY-----\n", false},
        {"MCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", false}, /* X25519 */
        {KEY1 "00", false},
        {"d75a98", false},
        {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR!=", false},
        {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo==", false},
        {"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMl=rwIaaPcHURo", false},
        {"", false},
        {"=", false},
    };
    unsigned char key[FEED_PUBKEY_BYTES];
    char hex[2 * FEED_PUBKEY_BYTES + 1];
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (feed_pubkey_parse(view_of(table[i].text), key) != table[i].good)
            fail_msg("%s", table[i].text);
        if (table[i].good)
            assert_string_equal(hex_text(key, sizeof key, hex), KEY1);
    }
}

static void test_vectors(void **state)
{
    static const struct {
        const char *key, *signature, *message;
        int rc;
    } table[] = {
        {KEY1, SIG1, "", 0},
        {KEY1, SIG1 "\n", "", 0},
        {KEY1, SIG1 "\r\n", "", 0},
        {KEY2, SIG2, "r", 0}, /* 0x72 */
        {KEY2, SIG2, "", ERR_REFUSED},
        {KEY2, SIG2, "s", ERR_REFUSED},
        {KEY2, SIG2, "r\n", ERR_REFUSED},
        {KEY1, SIG2, "r", ERR_REFUSED},
        {KEY2, SIG1, "r", ERR_REFUSED},
        {KEY2, SIG2 "\n\n", "r", ERR_SYNTAX},
        {KEY2, SIG2 "00", "r", ERR_SYNTAX},
        {KEY2, "92a009", "r", ERR_SYNTAX},
        {KEY2, "", "r", ERR_SYNTAX},
        {KEY2, "<html>", "r", ERR_SYNTAX},
    };
    unsigned char key[FEED_PUBKEY_BYTES];
    struct error why;
    (void)state;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_true(hex_parse(view_of(table[i].key), key, sizeof key));
        int rc = signature_check(key, view_of(table[i].signature), view_of(table[i].message), &why);
        if (rc != table[i].rc)
            fail_msg("row %zu: %d", i, rc);
    }
}

/* The bytes as they are; one bit of them turned; base64, in one line and in several. */
static void test_spellings_of_a_signature(void **state)
{
    static const char base64[] =
        "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";
    unsigned char key[FEED_PUBKEY_BYTES], raw[SIGNATURE_BYTES];
    char lines[sizeof base64 + 2];
    struct error why;
    (void)state;

    assert_true(hex_parse(view_of(KEY2), key, sizeof key));
    assert_true(hex_parse(view_of(SIG2), raw, sizeof raw));
    assert_int_equal(signature_check(key, view_make(raw, sizeof raw), view_of("r"), &why), 0);
    assert_int_equal(signature_check(key, view_of(base64), view_of("r"), &why), 0);
    memcpy(lines, base64, 76);
    lines[76] = '\n';
    strcpy(lines + 77, base64 + 76);
    strcat(lines, "\n");
    assert_int_equal(signature_check(key, view_of(lines), view_of("r"), &why), 0);
    assert_int_equal(signature_check(key, view_make(raw, 63), view_of("r"), &why), ERR_SYNTAX);
    raw[10] ^= 1;
    assert_int_equal(signature_check(key, view_make(raw, sizeof raw), view_of("r"), &why),
                     ERR_REFUSED);
    assert_non_null(strstr(why.text, "pubkey"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_spellings_of_a_signature),
    };
    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
