/* SPDX-License-Identifier: MIT */
/*
 * Turns between queues of a device that share something which is scarce: a limit of bandwidth, the
 * entries of a ring, the thread. Of those that wait the next is always the one that has had least,
 * where one that comes back after a pause has no claim on the time it was away (start-time fair
 * queueing). So each gets its share however much the others ask for, and what nobody else wants is
 * one queue's alone. Of the requests of a queue the order stays.
 */
#ifndef VMM_VIRTIO_FAIR_H
#define VMM_VIRTIO_FAIR_H

#include <stdbool.h>
#include <stdint.h>

#define FAIR_MAX 64

/* All zeros: nobody waits. */
struct fair {
	uint64_t waiting;	/* a bit for each */
	uint64_t now;		/* what the one that was served last had had before */
	uint64_t had[FAIR_MAX]; /* what each has had, in units of the caller's */
};

/* `who` wants something; again and again does no harm. */
void fair_wait(struct fair *fair, unsigned int who);

/* It wants nothing any more. */
void fair_leave(struct fair *fair, unsigned int who);

/* Whose turn it is; -1: nobody waits. */
int fair_next(const struct fair *fair);

/* `who` was given `amount`. */
void fair_charge(struct fair *fair, unsigned int who, uint64_t amount);

#endif
