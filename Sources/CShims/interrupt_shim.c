#define _GNU_SOURCE /* pipe2 */
#include "interrupt_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lua_internal.h"

/* Handlers of <close> variables and finalizers may go on this long while unwinding. */
#define GRACE_NS INT64_C(150000000)
/* A background task may go on this long after a request that is meant for the foreground. */
#define SPARE_NS INT64_C(50000000)
/* How long Lua code may compute after a call before it is told: a cell that waits in a moment answers it better. */
#define CALL_NS INT64_C(200000000)
/* Instructions between two looks at the clock while the grace lasts. */
#define PACE 1000

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define POLLING 1
#endif
#endif
#ifndef POLLING
#define POLLING 0
#endif

struct mt_irq {
  pthread_mutex_t lock; /* thread, active */
  pthread_t thread;
  bool active;
  atomic_bool requested;
  atomic_llong since;
  atomic_bool called;
  atomic_llong called_since;
  int bell;
};

/* The interpreter that this thread is inside of, for the signal handler. */
static _Thread_local mt_lua *volatile current;

int64_t mt_monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

mt_irq *mt_irq_new(void) {
  mt_irq *irq = calloc(1, sizeof *irq);
  if (irq == NULL) return NULL;
  irq->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (irq->bell < 0) {
    free(irq);
    return NULL;
  }
  pthread_mutex_init(&irq->lock, NULL);
  return irq;
}

void mt_irq_free(mt_irq *irq) {
  close(irq->bell);
  pthread_mutex_destroy(&irq->lock);
  free(irq);
}

void mt_irq_ring(mt_irq *irq) {
  const uint64_t one = 1;
  while (write(irq->bell, &one, sizeof one) < 0 && errno == EINTR) continue;
}

bool mt_irq_poll(mt_irq *irq, int fd, int64_t nanoseconds) {
  struct pollfd inputs[] = {{irq->bell, POLLIN, 0}, {fd, POLLIN, 0}};
  const struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  if (ppoll(inputs, 2, nanoseconds < 0 ? NULL : &time, NULL) <= 0) return false;
  if (inputs[0].revents != 0) {
    uint64_t count;
    while (read(irq->bell, &count, sizeof count) < 0 && errno == EINTR) continue;
  }
  return inputs[1].revents != 0;
}

bool mt_irq_requested(const mt_irq *irq) {
  return atomic_load_explicit(&irq->requested, memory_order_relaxed);
}

bool mt_irq_take(mt_irq *irq) { return atomic_exchange(&irq->requested, false); }

void mt_irq_restore(mt_irq *irq) { atomic_store(&irq->requested, true); }

bool mt_irq_called(const mt_irq *irq) {
  return atomic_load_explicit(&irq->called, memory_order_relaxed);
}

bool mt_irq_take_call(mt_irq *irq) { return mt_irq_called(irq) && atomic_exchange(&irq->called, false); }

static void strike(mt_irq *irq) {
  /* The lock keeps the thread from leaving (and ending) between the test and the signal. */
  pthread_mutex_lock(&irq->lock);
  if (irq->active) pthread_kill(irq->thread, SIGURG);
  pthread_mutex_unlock(&irq->lock);
  mt_irq_ring(irq);
}

void mt_irq_request(mt_irq *irq) {
  atomic_store(&irq->since, mt_monotonic_ns());
  atomic_store(&irq->requested, true);
  strike(irq);
}

void mt_irq_call(mt_irq *irq) {
  atomic_store(&irq->called_since, mt_monotonic_ns());
  atomic_store(&irq->called, true);
  strike(irq);
}

static void on_hook(lua_State *L, lua_Debug *ar);

void mt_disarm(lua_State *L) {
  if (POLLING)
    lua_sethook(L, on_hook, LUA_MASKCOUNT, PACE);
  else
    lua_sethook(L, NULL, 0, 0);
}

/* Instructions until the clock is looked at: at once where time is over, since who yields again and again begins to count
 * anew each time. */
static int pace(int64_t end) { return mt_monotonic_ns() < end ? PACE : 1; }

void mt_arm(lua_State *L, mt_lua *S) {
  if (S->unwinding == MT_NOT_UNWINDING)
    lua_sethook(L, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
  else
    lua_sethook(L, on_hook, LUA_MASKCOUNT, pace(S->unwinding_since + GRACE_NS));
}

int64_t mt_grace_ns(void) { return GRACE_NS; }

void mt_begin_unwinding(mt_lua *S, int why) {
  S->unwinding = why;
  S->unwinding_since = mt_monotonic_ns();
}

/* Nobody waited for the call in time: the code that computes is told. True while there is still time. */
static bool answer_call(mt_lua *S) {
  if (!mt_irq_called(S->irq)) return false;
  if (mt_monotonic_ns() - atomic_load(&S->irq->called_since) < CALL_NS) return true;
  if (mt_irq_take_call(S->irq)) S->callbacks.called(S->owner);
  return false;
}

/* Takes the hook away. What was asked for meanwhile, whose signal found it still there, puts it back. */
static void rest(lua_State *L, mt_lua *S) {
  mt_disarm(L);
  mt_check(L, S);
}

void mt_watch(lua_State *L) { lua_sethook(L, on_hook, LUA_MASKCOUNT, pace(mt_block(L)->finalizer_until)); }

/* Strikes, waits for the grace to pass, or takes itself away. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  mt_lua *S = mt_block(L);
  const bool may_yield = S->driven == L && lua_isyieldable(L);
  if (S->finalizing && S->unwinding == MT_NOT_UNWINDING && mt_monotonic_ns() > S->finalizer_until) {
    /* No pcall of its own holds it up: it unwinds, and who collected goes on. */
    S->finalizer_late = true;
    S->unwinding = MT_CANCELLED;
    S->unwinding_since = mt_monotonic_ns() - GRACE_NS;
  }
  if (S->unwinding == MT_NOT_UNWINDING) {
    if (!mt_irq_requested(S->irq)) {
      if (answer_call(S))
        lua_sethook(L, on_hook, LUA_MASKCOUNT, PACE);
      else
        rest(L, S);
      return;
    }
    if (S->sparing && mt_monotonic_ns() - atomic_load(&S->irq->since) < SPARE_NS) {
      lua_sethook(L, on_hook, LUA_MASKCOUNT, PACE);
      return;
    }
    /* Only these events may yield; the next instruction brings one. */
    if (may_yield && ar->event != LUA_HOOKCOUNT && ar->event != LUA_HOOKLINE) return;
    /* One that kept the foreground from running leaves the request to it; the next of its kind has its time first. */
    if (S->sparing)
      atomic_store(&S->irq->since, mt_monotonic_ns());
    else
      mt_irq_take(S->irq);
    mt_begin_unwinding(S, MT_INTERRUPTED);
    mt_record_traceback(L, S, 0);
  } else if (mt_monotonic_ns() - S->unwinding_since < GRACE_NS) {
    lua_sethook(L, on_hook, LUA_MASKCOUNT, PACE);
    return;
  }
  lua_sethook(L, on_hook, LUA_MASKCALL | LUA_MASKCOUNT, PACE);
  if (may_yield && (ar->event == LUA_HOOKCOUNT || ar->event == LUA_HOOKLINE)) {
    S->stopped = L;
    lua_yield(L, 0);
    return;
  }
  S->struck = L;
  mt_throw_unwinding(L, S);
}

/* Runs on the interpreter's thread, so lua_sethook meets a call list at rest (as in lua.c). */
static void on_signal(int signal) {
  (void)signal;
  const int saved = errno;
  mt_lua *S = current;
  if (S != NULL && S->running != NULL && (mt_irq_requested(S->irq) || mt_irq_called(S->irq)))
    mt_arm(S->running, S);
  errno = saved;
}

static void install(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGURG, &action, NULL);
}

void mt_install_signal(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
}

/* Threads of a pool are born with all signals blocked, and so are those that they start. */
static void let_signal_in(void) {
  static _Thread_local bool done;
  if (done) return;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  done = true;
}

mt_lua *mt_enter(mt_lua *S) {
  mt_lua *outer = current;
  current = S;
  if (S->depth++ == 0) {
    let_signal_in();
    S->running = S->main;
    pthread_mutex_lock(&S->irq->lock);
    S->irq->thread = pthread_self();
    S->irq->active = true;
    pthread_mutex_unlock(&S->irq->lock);
  }
  return outer;
}

void mt_leave(mt_lua *S, mt_lua *outer) {
  if (--S->depth == 0) {
    pthread_mutex_lock(&S->irq->lock);
    S->irq->active = false;
    pthread_mutex_unlock(&S->irq->lock);
    S->unwinding = MT_NOT_UNWINDING;
    S->running = NULL;
  }
  current = outer;
}

/* The pipe of mt_signal_pipe; one per process, as signals are. */
static volatile int signal_pipe = -1;
static atomic_int signals_seen;
static atomic_int signals_handled;

static void on_piped_signal(int signal) {
  const int saved = errno;
  const unsigned char byte = (unsigned char)signal;
  /* Counted before anybody can act upon it. */
  atomic_fetch_add(&signals_seen, 1);
  if (write(signal_pipe, &byte, 1) != 1) atomic_fetch_sub(&signals_seen, 1); /* a full one: enough to do */
  errno = saved;
}

int mt_signals_seen(void) { return atomic_load(&signals_seen); }

int mt_signals_handled(void) { return atomic_load(&signals_handled); }

void mt_signal_was_handled(void) { atomic_fetch_add(&signals_handled, 1); }

int mt_signal_pipe(const int *signals, int count) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  signal_pipe = ends[1];
  struct sigaction action = {.sa_handler = on_piped_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  /* Whoever started the program may have left them blocked. */
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int i = 0; i < count; i++) {
    if (sigaction(signals[i], &action, NULL) < 0) return -1;
    sigaddset(&wanted, signals[i]);
  }
  pthread_sigmask(SIG_UNBLOCK, &wanted, NULL);
  return ends[0];
}

int mt_either_readable(int first, int second) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) return -1;
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(set, EPOLL_CTL_ADD, first, &event) == 0 && epoll_ctl(set, EPOLL_CTL_ADD, second, &event) == 0)
    return set;
  close(set);
  return -1;
}
