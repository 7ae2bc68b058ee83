#ifndef MOONTIDE_LUA_SHIM_H
#define MOONTIDE_LUA_SHIM_H
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "interrupt_shim.h"

#pragma clang assume_nonnull begin

/*
** The boundary between Lua and Swift. Lua raises and yields with longjmp, which must never cross
** a Swift frame: a Swift function called from Lua *returns* what it wants, and the C function
** that called it (the trampoline) raises or yields after the Swift frame is gone. Memory errors
** are longjmps too: the allocator does not fail while `nofail` is set, which it is whenever Swift
** runs; the trampoline enforces the limit afterwards.
*/

/* What a native function returns: a count of results on top of the stack, or one of these. */
enum {
  MT_FAIL = -1,   /* the error value is on top */
  MT_WAIT = -2,   /* the scheduler holds a wait for this call */
  MT_UNWIND = -3  /* go on unwinding: see mt_lua.unwinding */
};

typedef int32_t (*mt_native)(lua_State *L, void *context);

/* Why the running coroutine is being taken down; errors that no pcall can eat. */
enum { MT_NOT_UNWINDING = 0, MT_INTERRUPTED = 1, MT_EXIT = 2, MT_CANCELLED = 3 };

/* One level of a traceback, innermost first. */
typedef struct mt_frame {
  char source[LUA_IDSIZE];
  char name[64];
  int line; /* -1 in native code */
} mt_frame;

enum { MT_FRAMES = 32 };

/* External bytes that the collector need not know about: a cycle over a small heap for so many costs little. */
enum { MT_STEP_BYTES = 8 << 20 };

/* What Swift supplies; all are called on the interpreter's thread. */
typedef struct mt_callbacks {
  /* Runs the scheduler's loop here until the wait just requested is over (no yield possible). */
  void (*park)(void *owner, lua_State *L);
  /* Finishes the call whose wait is over; returns like a native function. */
  int32_t (*finish)(void *owner, lua_State *L);
  /* print, io.write, io.stdout:write, io.stderr:write, warn */
  void (*output)(void *owner, const char *bytes, size_t count, bool is_error);
  /* Gives back one reference to a Swift object. */
  void (*release)(void *object);
  /* Lua code computed on after mt_irq_call; must not touch Lua. */
  void (*called)(void *owner);
} mt_callbacks;

/* Per interpreter, reached in O(1) from any coroutine (lua_getextraspace). */
typedef struct mt_lua {
  lua_State *_Nullable main;
  lua_State *volatile _Nullable running; /* innermost coroutine: where the interrupt strikes */
  mt_irq *irq;
  void *owner;
  mt_callbacks callbacks;
  int nofail;              /* > 0 while Swift runs: allocations succeed beyond the limit */
  int depth;               /* entries from Swift that are not left yet */
  size_t used;             /* bytes Lua holds */
  size_t external;         /* bytes that Lua's userdata hold elsewhere */
  size_t shared;           /* those of them that are counted for another object, too */
  size_t shared_debt;      /* by how much these grew */
  size_t external_debt;    /* by how much they grew since the collector was told about them */
  size_t limit;            /* of used + external; 0 = none */
  int unwinding;           /* MT_INTERRUPTED... */
  int64_t unwinding_since; /* ns; handlers get a grace from here on */
  lua_State *_Nullable driven;  /* the user's coroutine that runs: the hook may make it yield */
  lua_State *_Nullable stopped; /* one that yielded because it is taken down: who resumed it closes it */
  int passed;                   /* protected calls that unwinding went through since the last resume */
  lua_State *_Nullable struck;  /* the one that it raised in: it dies with hooks off */
  int exit_code;
  bool sparing;            /* a background task runs: it may reach its next wait unharmed */
  int ended;               /* Lua status of the task body that ended last */
  bool warnings;           /* warn "@on" / "@off" */
  bool warning_continues;
  bool finalizing;         /* a finalizer runs, on a coroutine of its own */
  bool finalizer_late;     /* it was struck because its time was over */
  int64_t finalizer_until; /* ns; computes no longer than this */
  int64_t finalizer_ns;    /* how long the next one may compute */
  int frame_count;
  mt_frame *frames;        /* MT_FRAMES of them: traceback of the last error */
} mt_lua;

/* A new interpreter with the standard libraries in place, or NULL without memory. */
mt_lua *_Nullable mt_new(mt_irq *irq, void *owner, mt_callbacks callbacks);
/* Takes away globals ("io") and fields ("os.execute") for good. */
void mt_remove(mt_lua *S, const char *path);
/* Runs pending finalizers and frees everything. */
void mt_close(mt_lua *S);

static inline mt_lua *mt_block(lua_State *L) {
  return *(mt_lua **)lua_getextraspace(L);
}

/* External bytes that are held no more, and those that are held from now on, of nobody else. */
static inline void mt_charge(mt_lua *S, size_t less, size_t more) {
  S->external = S->external + more - less;
  S->external_debt += more;
  S->external_debt -= less < S->external_debt ? less : S->external_debt;
}

/* Marks the calling thread as the one that runs S; returns what to hand to mt_leave. */
mt_lua *_Nullable mt_enter(mt_lua *S);
void mt_leave(mt_lua *S, mt_lua *_Nullable outer);

/* [-(nargs + 1), +nresults | +1] lua_pcall with the limit in force and the traceback recorded. */
int mt_pcall(lua_State *L, int nargs, int nresults);
/* [-0, +1] function or message; text only, never bytecode. */
int mt_load(lua_State *L, const char *bytes, size_t count, const char *name);
/* [-0, +1] tostring(value) with a guard: never raises. */
void mt_tostring(lua_State *L, int index);
/* [-2, +1] object key -> object[key], metamethods included; a Lua status. */
int mt_get(lua_State *L);
/* [-3, +0 | +1] object key value; object[key] = value, metamethods included; a Lua status. */
int mt_set(lua_State *L);

/* [-0, +1] a new coroutine whose body is "call the function below the arguments, protected". */
lua_State *mt_new_task(lua_State *L);
/* Resumes a task; true when it ended: its results or its error value are on its stack. */
bool mt_resume_task(lua_State *co, lua_State *from, int nargs, int *nresults);

/* [-0, +1] a function that calls `native`; `context` is released by the collector. */
void mt_push_native(lua_State *L, mt_native native, void *context);

/* Payload of every native object. */
typedef struct mt_object {
  void *_Nullable object; /* one reference; NULL once released */
  size_t external;        /* bytes counted for it alone */
  size_t shared;          /* and those that others show, too: they count against the limit */
} mt_object;

/*
** [-0, +1] the metatable of a class. Before the call the stack holds, from below: methods (name
** to function), getters (name to native box), setters, and the boxes of the fallbacks for reading
** and for writing or nil. Consumes those five. `reading` is MT_PLAIN or what C reads (lua_view.h).
*/
void mt_push_class(lua_State *L, const char *name, int reading);
/* [-1, +1] function made by mt_push_native -> its box, as getters and fallbacks need it. */
void mt_box_of_native(lua_State *L);
/* [-0, +1] an object of the class whose metatable is the registry's `reference`. */
void mt_push_object(lua_State *L, int reference, mt_object object);
/* [-0, +0] counts the bytes of an object, and takes them off again. */
void mt_charge_object(mt_lua *S, const mt_object *o);
void mt_discharge_object(mt_lua *S, const mt_object *o);
/* The payload when the value's metatable is this very one, else NULL; released ones too. */
static inline mt_object *_Nullable mt_to_object(
  lua_State *L, int index, const void *metatable) {
  void *block = lua_touserdata(L, index);
  if (block == NULL || !lua_getmetatable(L, index)) return NULL;
  const void *found = lua_topointer(L, -1);
  lua_settop(L, -2);
  return found == metatable ? (mt_object *)block : NULL;
}

/* [-0, +1] an error object: a table with code, message, hint, position and a __tostring. */
void mt_push_error(
  lua_State *L, const char *code, size_t code_count, const char *message, size_t message_count,
  const char *_Nullable hint, size_t hint_count);

/* Fills S->frames from this level of L's stack outward. */
void mt_record_traceback(lua_State *L, mt_lua *S, int level);
/* From here on what runs is unwinding (MT_INTERRUPTED...), with a grace for its handlers. */
void mt_begin_unwinding(mt_lua *S, int why);
/* The same for what goes on computing: it is taken down when the grace is over. */
void mt_unwind_soon(mt_lua *S, int why);
int64_t mt_grace_ns(void);
const char *mt_frame_source(const mt_frame *frame);
const char *mt_frame_name(const mt_frame *frame);

/* Macros and variadics of lua.h that Swift does not see. */
static inline void mt_pop(lua_State *L, int count) { lua_settop(L, -count - 1); }
static inline void mt_collect(lua_State *L) { lua_gc(L, LUA_GCCOLLECT); }
static inline int mt_registry_index(void) { return LUA_REGISTRYINDEX; }
static inline void mt_push_globals(lua_State *L) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
static inline int mt_upvalue_index(int index) { return lua_upvalueindex(index); }

#pragma clang assume_nonnull end
#endif
