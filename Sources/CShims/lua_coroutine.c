/*
** Coroutines between which waits travel, and protected calls that an interrupt passes through.
**
** A wait yields one light userdata, &mt_wait_key. Who resumes a coroutine and finds that on top
** yields the same upward, until the scheduler has it; when the wait is over, the scheduler
** resumes the outermost coroutine and each one resumes the next. A coroutine keeps the light
** userdata on its stack while it waits: that tells it from one that its user may resume.
*/
#include <string.h>

#include "lua_internal.h"

bool mt_waits(lua_State *co) {
  return lua_status(co) == LUA_YIELD && lua_gettop(co) > 0 &&
         lua_touserdata(co, -1) == (void *)&mt_wait_key;
}

int mt_resume(mt_lua *S, lua_State *co, lua_State *from, int nargs, int *nresults) {
  lua_State *outer = S->running;
  const int nofail = S->nofail;
  S->running = co;
  S->nofail = 0;
  S->passed = 0;
  if (S->struck == co) S->struck = NULL; /* an address used again */
  mt_check(co, S);
  const int status = lua_resume(co, from, nargs, nresults);
  S->nofail = nofail;
  S->running = outer;
  if (outer != NULL) mt_check(outer, S);
  return status;
}

/* Runs the handlers of co's pending <close> variables; an error value is on co's stack then. */
static int close_coroutine(mt_lua *S, lua_State *co) {
  lua_State *outer = S->running;
  S->running = co;
  const int status = lua_resetthread(co);
  S->running = outer;
  return status;
}

/* Closes a coroutine that yielded because it is taken down; what unwinds is all that is left on it. */
static void close_stopped(mt_lua *S, lua_State *co) {
  S->stopped = NULL;
  close_coroutine(S, co);
  lua_settop(co, 0);
  lua_rawgetp(co, LUA_REGISTRYINDEX, &mt_object_keys[S->unwinding]);
}

/* ---- Tasks ---- */

/* Reports how the body ended; its results or its error value stay. */
static int end_task(lua_State *L, int status, lua_KContext context) {
  (void)context;
  mt_block(L)->ended = status == LUA_YIELD ? LUA_OK : status;
  return lua_gettop(L) - 1;
}

/* function, arguments... -> results... or the error value; the handler sits at 1. */
static int task_body(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushcfunction(L, mt_message_handler);
  lua_insert(L, 1);
  const int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, end_task);
  return end_task(L, status, 0);
}

lua_State *mt_new_task(lua_State *L) {
  lua_State *co = lua_newthread(L);
  lua_pushcfunction(co, task_body);
  return co;
}

bool mt_resume_task(lua_State *co, lua_State *from, int nargs, int *nresults) {
  mt_lua *S = mt_block(co);
  if (lua_status(co) == LUA_YIELD) lua_settop(co, -2); /* the light userdata */
  int status = mt_resume(S, co, from, nargs, nresults);
  if (S->stopped == co) {
    close_stopped(S, co);
    status = LUA_ERRRUN;
  }
  if (status == LUA_YIELD) {
    if (!mt_waits(co)) { /* coroutine.yield at a task's own level: let others run */
      lua_settop(co, -*nresults - 1);
      lua_pushlightuserdata(co, (void *)&mt_wait_key);
      *nresults = 0;
    }
    return false;
  }
  if (status != LUA_OK) { /* the body itself is protected: only memory, a C stack overflow, or it was taken down */
    S->ended = status;
    *nresults = 1;
  }
  return true;
}

/* ---- coroutine.resume, wrap, close ---- */

enum { RESUME, WRAP };

static lua_State *coroutine_at(lua_State *L, int kind) {
  return lua_tothread(L, kind == WRAP ? lua_upvalueindex(1) : 1);
}

/* [-1, +?] results of a coroutine that failed: false, error; or raises. */
static int failed(lua_State *L, mt_lua *S, lua_State *co, int kind, int status) {
  const bool unwinds = mt_is_unwinding(co, S);
  const bool died = lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD;
  /* Where the hook struck, hooks stay off: a handler that loops there could not be stopped. */
  if (died && (unwinds || kind == WRAP) && S->struck != co) status = close_coroutine(S, co);
  lua_xmove(co, L, 1);
  if (unwinds) mt_throw_unwinding(L, S);
  if (mt_is_unwinding(L, S)) return lua_error(L);
  if (kind == RESUME) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int resumed(lua_State *L, int status, lua_KContext kind);

/* Resumes until the coroutine yields to its user, ends, or waits where we can pass that on. */
static int drive(lua_State *L, lua_State *co, int nargs, int kind) {
  mt_lua *S = mt_block(L);
  for (;;) {
    int nresults = 0;
    lua_State *outer = S->driven;
    S->driven = co;
    const int status = mt_resume(S, co, L, nargs, &nresults);
    S->driven = outer;
    if (S->stopped == co) { /* its handlers run, then we go on unwinding */
      close_stopped(S, co);
      mt_throw_unwinding(L, S);
    }
    if (status != LUA_OK && status != LUA_YIELD) return failed(L, S, co, kind, status);
    if (status == LUA_OK || !mt_waits(co)) {
      if (!lua_checkstack(L, nresults + 1)) {
        lua_settop(co, -nresults - 1);
        return luaL_error(L, "too many results to resume");
      }
      if (kind == RESUME) lua_pushboolean(L, 1);
      lua_xmove(co, L, nresults);
      return nresults + (kind == RESUME);
    }
    if (lua_isyieldable(L)) {
      lua_pushlightuserdata(L, (void *)&mt_wait_key);
      return lua_yieldk(L, 1, kind, resumed);
    }
    S->nofail++;
    S->callbacks.park(S->owner, L);
    S->nofail--;
    lua_settop(co, -2);
    nargs = 0;
  }
}

/* The wait below is over. */
static int resumed(lua_State *L, int status, lua_KContext kind) {
  (void)status;
  lua_State *co = coroutine_at(L, (int)kind);
  lua_settop(co, -2);
  return drive(L, co, 0, (int)kind);
}

/* [-0, +0] hands arguments over and resumes; refuses one that waits in the scheduler. */
static int start(lua_State *L, lua_State *co, int nargs, int kind) {
  const char *refusal = NULL;
  if (mt_waits(co))
    refusal = "cannot resume a coroutine that is waiting";
  else if (!lua_checkstack(co, nargs))
    refusal = "too many arguments to resume";
  if (refusal != NULL) {
    if (kind == WRAP) return luaL_error(L, "%s", refusal);
    lua_pushboolean(L, 0);
    lua_pushstring(L, refusal);
    return 2;
  }
  lua_xmove(L, co, nargs);
  return drive(L, co, nargs, kind);
}

static lua_State *check_coroutine(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL, 1, "coroutine");
  return co;
}

/* coroutine.resume(co, ...) */
static int co_resume(lua_State *L) {
  lua_State *co = check_coroutine(L);
  return start(L, co, lua_gettop(L) - 1, RESUME);
}

static int call_wrapped(lua_State *L) {
  return start(L, coroutine_at(L, WRAP), lua_gettop(L), WRAP);
}

/* coroutine.wrap(f) */
static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, 1);
  return 1;
}

/* coroutine.close(co): only suspended and dead ones, and none that waits. */
static int co_close(lua_State *L) {
  mt_lua *S = mt_block(L);
  lua_State *co = check_coroutine(L);
  lua_Debug ar;
  if (co == L) return luaL_error(L, "cannot close a running coroutine");
  if (mt_waits(co)) return luaL_error(L, "cannot close a coroutine that is waiting");
  if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
    return luaL_error(L, "cannot close a normal coroutine");
  const int status = close_coroutine(S, co);
  mt_check(L, S);
  if (status == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  if (mt_is_unwinding(L, S)) return lua_error(L);
  return 2;
}

/* ---- pcall, xpcall ---- */

/*
** Each protected call that unwinding goes through costs Lua a look at every level below it. A recursion of them may be
** a hundred thousand levels deep, and would take a minute to leave. So beyond some of them the coroutine is left at once:
** it yields, and who resumed it closes it, by which its handlers run all the same.
*/
enum { PASSED_MAX = 20 };

static int go_on_unwinding(lua_State *L, mt_lua *S) {
  if (++S->passed <= PASSED_MAX || S->running != L || !lua_isyieldable(L)) return lua_error(L);
  S->stopped = L;
  return lua_yield(L, 0);
}

/* [-skip.., +?] the results of a protected call; what unwinds goes on unwinding. */
static int protected_done(lua_State *L, int status, lua_KContext skip) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)skip;
  mt_lua *S = mt_block(L);
  if (mt_is_unwinding(L, S)) return go_on_unwinding(L, S);
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* pcall(f, ...): true lies below f, ready to be the first result. */
static int base_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  const int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, protected_done);
  return protected_done(L, status, 0);
}

/* The user's handler (upvalue 1), which never sees what unwinds. */
static int guarded_handler(lua_State *L) {
  if (mt_is_unwinding(L, mt_block(L))) return 1;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

/* xpcall(f, handler, ...): f handler ... -> handler' true f ... */
static int base_xpcall(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, guarded_handler, 1);
  lua_replace(L, 2);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_replace(L, 1);
  lua_pushboolean(L, 1);
  lua_replace(L, 2);
  lua_insert(L, 3);
  const int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 1, 1, protected_done);
  return protected_done(L, status, 1);
}

/* ---- Finalizers ---- */

/*
** Lua runs finalizers with hooks off, so one that loops could not be interrupted. This __gc runs
** the user's function (upvalue 1) on a coroutine of its own, where hooks are on. It may compute for a
** quarter of a second: whoever allocates pays for it, the program's own code, too. After one that took
** longer the next get less, until one ends by itself: there may be thousands of the same kind.
*/
enum { FINALIZER_NS = 250000000, FINALIZER_NS_MIN = 1000000 };
/* And no longer than this with all its waits. */
static const int64_t FINALIZER_NS_ALL = INT64_C(3000000000);

static int call_finalizer(lua_State *L) {
  mt_lua *S = mt_block(L);
  lua_settop(L, 1);
  lua_State *co = NULL;
  if (S->finalizing) { /* within another finalizer's wait */
    co = lua_newthread(L);
  } else {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_finalizer_thread_key);
    co = lua_tothread(L, 2);
  }
  if (co == NULL) { /* closing */
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 2);
  const bool outer = S->finalizing;
  const int64_t outer_until = S->finalizer_until;
  const int unwinding = S->unwinding;
  if (S->finalizer_ns == 0) S->finalizer_ns = FINALIZER_NS;
  S->finalizing = true;
  S->finalizer_late = false;
  const int64_t begun = mt_monotonic_ns();
  S->finalizer_until = begun + S->finalizer_ns;
  int nresults = 0;
  int status = mt_resume(S, co, L, 1, &nresults);
  while (status == LUA_YIELD && S->stopped != co && mt_waits(co)) {
    S->nofail++;
    S->callbacks.park(S->owner, L);
    S->nofail--;
    lua_settop(co, -2);
    const int64_t now = mt_monotonic_ns();
    S->finalizer_until = now - begun < FINALIZER_NS_ALL ? now + S->finalizer_ns : now;
    status = mt_resume(S, co, L, 0, &nresults);
  }
  if (S->stopped == co) {
    close_stopped(S, co);
    status = LUA_ERRRUN;
  }
  S->finalizing = outer;
  S->finalizer_until = outer_until;
  if (S->finalizer_late) {
    S->finalizer_late = false;
    if (S->finalizer_ns > FINALIZER_NS_MIN) S->finalizer_ns /= 2;
    S->unwinding = unwinding;
    lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_finalizer_thread_key);
    return luaL_error(L, "a finalizer took too long");
  }
  S->finalizer_ns = FINALIZER_NS;
  if (status == LUA_OK) {
    lua_settop(co, 0);
    return 0;
  }
  if (status == LUA_YIELD) {
    lua_resetthread(co);
    return luaL_error(L, "attempt to yield in a finalizer");
  }
  lua_xmove(co, L, 1);
  /* The coroutine died within the hook, where hooks stay off: the next one gets a new one. */
  lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_finalizer_thread_key);
  if (mt_is_unwinding(L, S) && S->unwinding == MT_INTERRUPTED) {
    /* The collector will eat this error: ask again, for what it interrupted. */
    S->unwinding = MT_NOT_UNWINDING;
    mt_irq_restore(S->irq);
    mt_check(L, S);
  }
  return lua_error(L);
}

void mt_guard_finalizer(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_pushliteral(L, "__gc");
  if (lua_rawget(L, index) == LUA_TFUNCTION && lua_tocfunction(L, -1) != call_finalizer) {
    lua_pushliteral(L, "__gc");
    lua_insert(L, -2);
    lua_pushcclosure(L, call_finalizer, 1);
    lua_rawset(L, index);
    return;
  }
  lua_pop(L, 1);
}

void mt_open_coroutines(lua_State *L) {
  static const luaL_Reg coroutine[] = {
    {"resume", co_resume}, {"wrap", co_wrap}, {"close", co_close}, {NULL, NULL}};
  static const luaL_Reg base[] = {{"pcall", base_pcall}, {"xpcall", base_xpcall}, {NULL, NULL}};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  luaL_setfuncs(L, base, 0);
  lua_getfield(L, -1, "coroutine");
  luaL_setfuncs(L, coroutine, 0);
  lua_pop(L, 2);
}
