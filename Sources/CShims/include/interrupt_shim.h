#ifndef MOONTIDE_INTERRUPT_SHIM_H
#define MOONTIDE_INTERRUPT_SHIM_H
#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/*
** The part of an interpreter that other threads may touch: a request to stop what runs, and a
** doorbell (an eventfd) that ends the interpreter's poll. It outlives the interpreter when
** somebody still holds it.
*/
typedef struct mt_irq mt_irq;

mt_irq *_Nullable mt_irq_new(void);
void mt_irq_free(mt_irq *irq);

/* Any thread: ask what runs to stop; a signal reaches pure Lua code, the bell reaches a wait. */
void mt_irq_request(mt_irq *irq);
/* Any thread: end the interpreter's poll, or the next one. */
void mt_irq_ring(mt_irq *irq);

/*
** Any thread: ask for attention. A loop that polls finds it with mt_irq_take_call; Lua code that computes on for a
** while is told between two instructions (mt_callbacks.called), on its own thread.
*/
void mt_irq_call(mt_irq *irq);
bool mt_irq_called(const mt_irq *irq);
/* Interpreter thread: consume the call; false when there was none. */
bool mt_irq_take_call(mt_irq *irq);

bool mt_irq_requested(const mt_irq *irq);
/* Interpreter thread: consume a request; false when there was none. */
bool mt_irq_take(mt_irq *irq);
/* Interpreter thread: put a consumed request back. */
void mt_irq_restore(mt_irq *irq);
/*
** Interpreter thread: waits until the bell rings (and silences it), fd has input or is closed, or
** the time has passed (negative: for ever). fd -1 is none. True when fd is why.
*/
bool mt_irq_poll(mt_irq *irq, int fd, int64_t nanoseconds);

/*
** Routes the given signals to a pipe, one byte (the signal's number) each; returns the end to
** read, or -1 with errno. The handler does nothing else, so what a second Ctrl-C means is up to
** the reader. The pipe is non-blocking at the writing end: a full one drops the repetition.
*/
int mt_signal_pipe(const int *signals, int count);
/* How many signals the handler has seen so far: keys that are read after a Ctrl-C come after it. */
int mt_signals_seen(void);
/* How many of them the pipe's reader has acted upon; it says so for each. */
int mt_signals_handled(void);
void mt_signal_was_handled(void);

/*
** One descriptor that is readable when either of two is, to hand to mt_irq_poll; -1 with errno.
** Regular files are refused (EPERM): they need no waiting.
*/
int mt_either_readable(int first, int second);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t mt_monotonic_ns(void);

#pragma clang assume_nonnull end
#endif
