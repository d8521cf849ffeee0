/* listener - finds or makes the listening socket. */
#ifndef PERCORE_LISTENER_H
#define PERCORE_LISTENER_H

/* "unix:PATH" or "HOST:PORT"; NULL: fd 0 if it is a listening socket.  -1 where there is none; says why. */
int listener_open(const char *address);

#endif
