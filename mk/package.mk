# What is handed to others: the tarball and the Debian package.

DIST := build/dist/rcptguard-$(VERSION).tar.xz

.PHONY: dist deb check-package

dist:
	@scripts/dist $(VERSION) $(DIST)

# build/deb: the tarball unpacked, and beside it what comes out. DEB_FLAGS="-us -uc": the source package too.
DEB_FLAGS ?= -us -uc -b
deb: dist
	@scripts/deb $(VERSION) $(DIST) build/deb $(DEB_FLAGS)

check-package:
	@exec scripts/check-package
