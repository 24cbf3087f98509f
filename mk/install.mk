# `make install` and `make uninstall`. Where things go; a package sets PREFIX=/usr and DESTDIR.

PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
SBINDIR     ?= $(PREFIX)/sbin
BINDIR      ?= $(PREFIX)/bin
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
MANDIR      ?= $(PREFIX)/share/man
DOCDIR      ?= $(PREFIX)/share/doc/rcptguard
BASHDIR     ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR      ?= $(PREFIX)/share/zsh/site-functions

CONFDIR  := $(SYSCONFDIR)/rcptguard
UNITS    := $(wildcard systemd/*.service systemd/*.socket)
MANUALS  := $(wildcard man/*.[1-8])
DOCS     := $(filter-out %.py,$(wildcard docs/* docs/*/*))
EXAMPLES := $(filter-out conf/rcptguard.conf conf/protected conf/quickstart.conf,$(wildcard conf/*))

# Units as they stand in systemd/ are right for PREFIX=/usr and SYSCONFDIR=/etc.
CONF_OPTION     := $(if $(filter-out /etc,$(SYSCONFDIR)), -c $(CONFDIR)/rcptguard.conf)
INSTALLED_PATHS := -e 's|/etc/rcptguard|$(CONFDIR)|g' \
                   -e 's|/usr/sbin/rcptguardd|$(SBINDIR)/rcptguardd$(CONF_OPTION)|g' -e 's|/usr/bin/rcptguard|$(BINDIR)/rcptguard|g'

INSTALL_FILE := install -p -m 644

# A configuration that is there is never touched.
.PHONY: install
install: all
	@case '$(DESTDIR)$(PREFIX)' in *[[:space:]]*) echo 'install: DESTDIR and PREFIX must hold no space' >&2; exit 1;; esac
	@install -d -m 755 $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(CONFDIR) $(UNITDIR) $(SYSUSERSDIR) \
	    $(TMPFILESDIR) $(BASHDIR) $(ZSHDIR) $(DOCDIR)/examples)
	install -m 755 $(BUILD)/rcptguardd $(DESTDIR)$(SBINDIR)/rcptguardd
	install -m 755 $(BUILD)/rcptguard $(DESTDIR)$(BINDIR)/rcptguard
	@for f in rcptguard.conf protected; do to=$(DESTDIR)$(CONFDIR)/$$f; \
	    [ -e $$to ] || [ -L $$to ] || $(INSTALL_FILE) conf/$$f $$to || exit 1; done
	@for f in $(UNITS); do to=$(DESTDIR)$(UNITDIR)/$${f##*/}; \
	    sed $(INSTALLED_PATHS) $$f >$$to.new && chmod 644 $$to.new && mv $$to.new $$to || exit 1; done
	@for kind in sysusers:$(SYSUSERSDIR) tmpfiles:$(TMPFILESDIR); do f=systemd/rcptguard.$${kind%%:*}; \
	    to=$(DESTDIR)$${kind#*:}/rcptguard.conf; [ ! -e $$f ] || \
	    { sed $(INSTALLED_PATHS) $$f >$$to.new && chmod 644 $$to.new && mv $$to.new $$to; } || exit 1; done
	@for f in $(MANUALS); do install -D -p -m 644 $$f $(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/} || exit 1; done
	$(INSTALL_FILE) completions/rcptguard.bash $(DESTDIR)$(BASHDIR)/rcptguard
	$(INSTALL_FILE) completions/_rcptguard $(DESTDIR)$(ZSHDIR)/_rcptguard
	$(INSTALL_FILE) README.md LICENSE $(DESTDIR)$(DOCDIR)
	@for f in $(DOCS); do [ -d $$f ] || install -D -p -m 644 $$f $(DESTDIR)$(DOCDIR)/$${f#docs/} || exit 1; done
	$(INSTALL_FILE) $(EXAMPLES) $(DESTDIR)$(DOCDIR)/examples

# Takes away what `install` with the same variables put there, but configuration and state.
.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/rcptguardd $(BINDIR)/rcptguard \
	    $(SYSUSERSDIR)/rcptguard.conf $(TMPFILESDIR)/rcptguard.conf $(BASHDIR)/rcptguard $(ZSHDIR)/_rcptguard \
	    $(UNITS:systemd/%=$(UNITDIR)/%) $(foreach f,$(MANUALS),$(MANDIR)/man$(patsubst .%,%,$(suffix $f))/$(notdir $f)))
	@# All of it is ours only where it has our name.
	[ $(notdir $(DOCDIR)) = rcptguard ] && rm -rf $(DESTDIR)$(DOCDIR)
