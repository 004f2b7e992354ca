/* SPDX-License-Identifier: MIT */
/*
 * The terminal on standard input. While a VM has it, it is raw: every key goes to the guest, also
 * ^C. It gets back the state it was found in on every way out of the program that the program can
 * see; only SIGKILL leaves it raw (`reset` or `stty sane` helps then).
 */
#ifndef VMM_CLI_TTY_H
#define VMM_CLI_TTY_H

/*
 * Makes standard input raw if it is a terminal and the program is in its foreground, and installs
 * handlers that restore it when the program crashes. Calling it again makes it raw again, after a
 * shell has used the terminal in between.
 */
void tty_raw(void);

/*
 * Gives the terminal back, and throws away what was typed for the guest and not read. Does nothing
 * if it is not raw. Safe in a signal handler.
 */
void tty_restore(void);

/* The same at the end of a VM, a moment later: the guest may have asked the terminal something (its
 * cursor's position, its colours), and the answers are not for the shell either. */
void tty_give_back(void);

#endif
