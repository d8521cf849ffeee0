/* descriptors - how many the table holds that nobody knows of. */
#ifndef PERCORE_DESCRIPTORS_H
#define PERCORE_DESCRIPTORS_H

/* Open descriptors of this process, by /proc/self/fd.  No allocation.  0: /proc is not there. */
unsigned descriptors_open(void);

#endif
