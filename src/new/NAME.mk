# SPDX-License-Identifier: ISC
# make           builds @NAME@
# make test      tests it
# make run       serves http://127.0.0.1:8080 until Ctrl-C; what is built meanwhile serves at once
# make install   installs it with its units and its user, below PREFIX and SYSCONFDIR, and DESTDIR
# make clean     removes what was built
PORT = 8080
PREFIX = /usr/local
SYSCONFDIR = /etc
CFLAGS = -O2 -g
PKG_CONFIG = pkg-config

all: @NAME@

COMPILE = $(CC) -std=c11 -Wall -Wextra $(CPPFLAGS) $(CFLAGS) $(filter %.c,$^) -o $@ $(LDFLAGS)

@NAME@: main.c @NAME@.c app.h Makefile
	@$(PKG_CONFIG) --exists --print-errors percore
	$(COMPILE) $(shell $(PKG_CONFIG) --cflags --libs percore)

@NAME@-test: test.c @NAME@.c app.h Makefile
	@$(PKG_CONFIG) --exists --print-errors percore check
	$(COMPILE) $(shell $(PKG_CONFIG) --cflags --libs percore check)

test: @NAME@-test
	./@NAME@-test

run: @NAME@
	@PATH="$$PATH:/usr/sbin" PERCORE_SOCKET=@NAME@.sock PERCORE_PORT=$(PORT); \
	export PATH PERCORE_SOCKET PERCORE_PORT; \
	./@NAME@ --listen unix:@NAME@.sock --develop yes & service=$$!; \
	lighttpd -D -f lighttpd.conf & web=$$!; \
	trap 'kill $$web $$service; wait; exit' INT TERM; \
	wait $$service; \
	kill $$web; \
	exit 1

install: @NAME@
	install -D @NAME@ $(DESTDIR)$(PREFIX)/bin/@NAME@
	install -D -m 644 @NAME@.socket $(DESTDIR)$(SYSCONFDIR)/systemd/system/@NAME@.socket
	install -D -m 644 @NAME@.service $(DESTDIR)$(SYSCONFDIR)/systemd/system/@NAME@.service
	sed -i 's|/usr/local|$(PREFIX)|' $(DESTDIR)$(SYSCONFDIR)/systemd/system/@NAME@.service
	install -D -m 644 @NAME@.sysusers $(DESTDIR)$(SYSCONFDIR)/sysusers.d/@NAME@.conf

clean:
	rm -f @NAME@ @NAME@-test @NAME@.sock

.PHONY: all test run install clean
