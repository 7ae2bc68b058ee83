/*
** An interpreter for Swift: its allocator, its life, the trampoline into Swift functions, native
** objects and error objects. Each function says in brackets what it does to the stack.
*/
#include "lua_shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua_internal.h"

const char mt_error_metatable_key = 0;
const char mt_box_metatable_key = 0;
const char mt_object_keys[4] = {0};
const char mt_memory_error_key = 0;
const char mt_finalizer_thread_key = 0;
const char mt_wait_key = 0;

/* A Swift function as Lua sees it: a userdata, upvalue of the trampoline. */
typedef struct box {
  mt_native _Nullable native; /* NULL once released */
  void *context;
} box;

/* ---- Memory ---- */

static size_t held(const mt_lua *S) { return S->used + S->external; }

/* lua_Alloc: refuses growth beyond the limit, except while Swift runs. */
static void *_Nullable allocate(
  void *ud, void *_Nullable block, size_t old_size, size_t new_size) {
  mt_lua *S = ud;
  if (block == NULL) old_size = 0; /* it tells the kind of object then */
  if (new_size == 0) {
    free(block);
    S->used -= old_size;
    return NULL;
  }
  if (new_size > old_size && S->limit != 0 && S->nofail == 0 &&
      held(S) + (new_size - old_size) > S->limit)
    return NULL;
  void *moved = realloc(block, new_size);
  if (moved == NULL) return NULL;
  S->used += new_size - old_size;
  return moved;
}

/*
** Is it time to tell the collector about bytes that it cannot see? Each time is most of a cycle: when they have grown by
** half of what is held, so that cycles cost a share of what they are for. Where there is a limit, no more than an eighth of
** it may be garbage (what Lua allocates meanwhile finds no finalizer run for it), and little of it near the limit.
*/
static bool is_step_due(const mt_lua *S) {
  const size_t debt = S->external_debt;
  if (S->limit != 0) {
    const size_t all = debt + S->shared_debt;
    if (all > S->limit / 8 || (all > S->limit / 128 && held(S) > S->limit - S->limit / 8)) return true;
  }
  return debt >= MT_STEP_BYTES && debt >= (held(S) - S->shared - debt) / 2;
}

/* [-0, +0] tells the collector about bytes it cannot see, then enforces the limit. */
static void enforce_memory(lua_State *L, mt_lua *S) {
  /* The collector itself must not lack the few bytes that calling a finalizer takes: nothing would ever be given back. */
  S->nofail++;
  if (is_step_due(S)) {
    const size_t kilobytes = (S->external_debt + S->shared_debt) / 1024;
    S->external_debt = S->shared_debt = 0;
    lua_gc(L, LUA_GCSTEP, (int)(kilobytes < 1 << 20 ? kilobytes : 1 << 20));
  }
  const bool is_over = S->limit != 0 && held(S) > S->limit;
  if (is_over) lua_gc(L, LUA_GCCOLLECT);
  S->nofail--;
  if (!is_over || held(S) <= S->limit) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_memory_error_key);
  lua_error(L);
}

/* ---- The trampoline ---- */

int mt_settle(lua_State *L, mt_lua *S, int32_t answer);

/* Slots that a native function finds free, beside its arguments: what it nests at most, with room for an error. Lua's own
 * 20 are too few where Swift calls Lua in the middle of it, and Swift cannot raise when a stack is full. */
enum { ROOM = 40 };

static void make_room(lua_State *L, mt_lua *S) {
  S->nofail++; /* what it holds elsewhere is looked at behind the call, where finalizers may run */
  const bool has_room = lua_checkstack(L, ROOM);
  S->nofail--;
  if (!has_room) luaL_error(L, "stack overflow");
}

/* Resumed after a wait: the call goes on where it can finish. */
static int after_wait(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  mt_lua *S = mt_block(L);
  make_room(L, S);
  S->nofail++;
  const int32_t answer = S->callbacks.finish(S->owner, L);
  S->nofail--;
  return mt_settle(L, S, answer);
}

int mt_settle(lua_State *L, mt_lua *S, int32_t answer) {
  while (answer == MT_WAIT) {
    if (lua_isyieldable(L)) {
      lua_pushlightuserdata(L, (void *)&mt_wait_key);
      return lua_yieldk(L, 1, 0, after_wait);
    }
    S->nofail++;
    S->callbacks.park(S->owner, L);
    answer = S->callbacks.finish(S->owner, L);
    S->nofail--;
  }
  mt_check(L, S);
  if (answer == MT_UNWIND) mt_throw_unwinding(L, S);
  enforce_memory(L, S);
  if (answer == MT_FAIL) return lua_error(L);
  if (answer > lua_gettop(L)) return luaL_error(L, "stack overflow (too many results)");
  return answer;
}

int mt_run_box(lua_State *L, void *_Nullable userdata) {
  box *b = userdata;
  mt_lua *S = mt_block(L);
  if (b == NULL || b->native == NULL) return luaL_error(L, "the interpreter is closing");
  make_room(L, S);
  S->nofail++;
  const int32_t answer = b->native(L, b->context);
  S->nofail--;
  if (answer >= 0 && !is_step_due(S) && (S->limit == 0 || held(S) <= S->limit) &&
      answer <= lua_gettop(L))
    return answer;
  return mt_settle(L, S, answer);
}

/* The lua_CFunction of every Swift function; upvalue 1 is its box. */
static int trampoline(lua_State *L) {
  return mt_run_box(L, lua_touserdata(L, lua_upvalueindex(1)));
}

/* __gc of a box. Whoever calls it by hand with something else is ignored. */
static int collect_box(lua_State *L) {
  mt_lua *S = mt_block(L);
  box *b = luaL_testudata(L, 1, "moontide.box");
  if (b == NULL || b->native == NULL) return 0;
  b->native = NULL;
  S->nofail++;
  S->callbacks.release(b->context);
  S->nofail--;
  return 0;
}

void mt_push_native(lua_State *L, mt_native native, void *context) {
  box *b = lua_newuserdatauv(L, sizeof *b, 0);
  b->native = native;
  b->context = context;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_box_metatable_key);
  lua_setmetatable(L, -2);
  lua_pushcclosure(L, trampoline, 1);
}

void mt_box_of_native(lua_State *L) {
  lua_getupvalue(L, -1, 1);
  lua_remove(L, -2);
}

/* ---- Native objects ---- */

/* Upvalues of mt_read_member (see lua_internal.h) and write_member. */
enum { METHODS = MT_METHODS, GETTERS = MT_GETTERS, READ_FALLBACK = 3, SETTERS = 1, WRITE_FALLBACK = 2, CLASS = 3 };

/* __index: integer keys go straight to the fallback; then methods, computed fields, fallback. */
int mt_read_member(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(METHODS)) != LUA_TNIL) return 1;
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(GETTERS)) != LUA_TNIL) {
      void *getter = lua_touserdata(L, -1);
      lua_settop(L, 2);
      return mt_run_box(L, getter);
    }
    lua_settop(L, 2);
  }
  void *fallback = lua_touserdata(L, lua_upvalueindex(READ_FALLBACK));
  if (fallback == NULL) return 0;
  return mt_run_box(L, fallback);
}

/* __newindex: computed fields, fallback, else an error that names the field. */
static int write_member(lua_State *L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(SETTERS)) != LUA_TNIL) {
      void *setter = lua_touserdata(L, -1);
      lua_settop(L, 3);
      return mt_run_box(L, setter);
    }
    lua_settop(L, 3);
  }
  void *fallback = lua_touserdata(L, lua_upvalueindex(WRITE_FALLBACK));
  if (fallback != NULL) return mt_run_box(L, fallback);
  const char *class = lua_tostring(L, lua_upvalueindex(CLASS));
  return luaL_error(L, "field '%s' of a %s cannot be set", luaL_tolstring(L, 2, NULL), class);
}

void mt_charge_object(mt_lua *S, const mt_object *o) {
  mt_charge(S, 0, o->external);
  S->external += o->shared;
  S->shared += o->shared;
  S->shared_debt += o->shared;
}

void mt_discharge_object(mt_lua *S, const mt_object *o) {
  mt_charge(S, o->external, 0);
  S->external -= o->shared;
  S->shared -= o->shared;
  S->shared_debt -= o->shared < S->shared_debt ? o->shared : S->shared_debt;
}

/* __gc of native objects; upvalue 1 is the address of its metatable. */
static int collect_object(lua_State *L) {
  mt_lua *S = mt_block(L);
  mt_object *o = mt_to_object(L, 1, lua_touserdata(L, lua_upvalueindex(1)));
  if (o == NULL || o->object == NULL) return 0;
  void *object = o->object;
  o->object = NULL;
  mt_discharge_object(S, o);
  S->nofail++;
  S->callbacks.release(object);
  S->nofail--;
  return 0;
}

void mt_push_class(lua_State *L, const char *name, int reading) {
  const int base = lua_gettop(L) - 4; /* methods, getters, setters, two fallbacks */
  lua_createtable(L, 0, 16);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pushlightuserdata(L, (void *)lua_topointer(L, -1));
  lua_pushcclosure(L, collect_object, 1);
  lua_setfield(L, -2, "__gc");
  lua_pushvalue(L, base + 1);
  lua_pushnil(L);
  const bool fields = lua_next(L, -2) != 0;
  lua_settop(L, base + 5);
  if (fields || !lua_isnil(L, base + 3) || reading != MT_PLAIN) {
    lua_pushvalue(L, base);
    lua_pushvalue(L, base + 1);
    lua_pushvalue(L, base + 3);
    static const lua_CFunction readers[] = {
      [MT_PLAIN] = mt_read_member, [MT_SAMPLES] = mt_index_view, [MT_PARTS] = mt_index_whole};
    lua_pushcclosure(L, readers[reading], 3);
  } else {
    lua_pushvalue(L, base); /* methods only: a table is the quickest __index */
  }
  lua_setfield(L, base + 5, "__index");
  lua_pushvalue(L, base + 2);
  lua_pushvalue(L, base + 4);
  lua_pushstring(L, name);
  lua_pushcclosure(L, write_member, 3);
  lua_setfield(L, base + 5, "__newindex");
  lua_replace(L, base);
  lua_settop(L, base);
}

void mt_push_object(lua_State *L, int reference, mt_object object) {
  mt_object *o = lua_newuserdatauv(L, sizeof *o, 0);
  *o = object;
  lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
  lua_setmetatable(L, -2);
  mt_charge_object(mt_block(L), o);
}

/* ---- Errors ---- */

void mt_push_error(
  lua_State *L, const char *code, size_t code_count, const char *message, size_t message_count,
  const char *_Nullable hint, size_t hint_count) {
  lua_createtable(L, 0, 4);
  lua_pushlstring(L, code, code_count);
  lua_setfield(L, -2, "code");
  lua_pushlstring(L, message, message_count);
  lua_setfield(L, -2, "message");
  if (hint != NULL) {
    lua_pushlstring(L, hint, hint_count);
    lua_setfield(L, -2, "hint");
  }
  lua_Debug ar;
  if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "Sl", &ar) && ar.currentline > 0) {
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    lua_setfield(L, -2, "position");
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_error_metatable_key);
  lua_setmetatable(L, -2);
}

/* __tostring of error objects: message, and the hint in parentheses. */
int mt_tostring_error(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE) return luaL_error(L, "error object expected");
  lua_pushliteral(L, "message");
  lua_rawget(L, 1);
  luaL_tolstring(L, -1, NULL);
  lua_pushliteral(L, "hint");
  if (lua_rawget(L, 1) == LUA_TNIL) {
    lua_pop(L, 1);
    return 1;
  }
  lua_pushfstring(L, "%s (%s)", lua_tostring(L, -2), luaL_tolstring(L, -1, NULL));
  return 1;
}

/* __concat of error objects, so that "failed: " .. err works as with strings. */
static int concat_error(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  luaL_tolstring(L, 2, NULL);
  lua_concat(L, 2);
  return 1;
}

void mt_record_traceback(lua_State *L, mt_lua *S, int level) {
  lua_Debug ar;
  S->frame_count = 0;
  while (S->frame_count < MT_FRAMES && lua_getstack(L, level++, &ar)) {
    mt_frame *frame = &S->frames[S->frame_count++];
    lua_getinfo(L, "Sln", &ar);
    memcpy(frame->source, ar.short_src, sizeof frame->source);
    frame->line = ar.currentline;
    const char *name = ar.name != NULL ? ar.name : *ar.what == 'm' ? "main chunk" : "";
    snprintf(frame->name, sizeof frame->name, "%s", name);
  }
}

const char *mt_frame_source(const mt_frame *frame) { return frame->source; }
const char *mt_frame_name(const mt_frame *frame) { return frame->name; }

/* Keeps the value; an unwinding's traceback was recorded where it began. */
int mt_message_handler(lua_State *L) {
  mt_lua *S = mt_block(L);
  lua_settop(L, 1); /* debug.getinfo gives it away: a script may call it with anything, as all of these */
  if (!mt_is_unwinding(L, S)) mt_record_traceback(L, S, 1);
  return 1;
}

void mt_unwind_soon(mt_lua *S, int why) {
  mt_begin_unwinding(S, why);
  if (S->running != NULL) mt_arm(S->running, S);
}

bool mt_is_unwinding(lua_State *L, mt_lua *S) {
  if (S->unwinding == MT_NOT_UNWINDING || lua_type(L, -1) != LUA_TTABLE) return false;
  const void *value = lua_topointer(L, -1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_object_keys[S->unwinding]);
  const bool same = lua_topointer(L, -1) == value;
  lua_pop(L, 1);
  return same;
}

void mt_throw_unwinding(lua_State *L, mt_lua *S) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &mt_object_keys[S->unwinding]);
  lua_error(L);
  abort(); /* lua_error does not return */
}

/* ---- Protected calls from Swift ---- */

int mt_pcall(lua_State *L, int nargs, int nresults) {
  mt_lua *S = mt_block(L);
  const int function = lua_gettop(L) - nargs;
  const int nofail = S->nofail;
  lua_State *running = S->running;
  S->frame_count = 0;
  lua_pushcfunction(L, mt_message_handler);
  lua_insert(L, function);
  S->running = L;
  S->nofail = 0;
  mt_check(L, S);
  const int status = lua_pcall(L, nargs, nresults, function);
  S->nofail = nofail;
  S->running = running;
  lua_remove(L, function);
  return status;
}

int mt_load(lua_State *L, const char *bytes, size_t count, const char *name) {
  mt_lua *S = mt_block(L);
  const int nofail = S->nofail;
  S->nofail = 0; /* the parser is protected by itself */
  S->frame_count = 0;
  const int status = luaL_loadbufferx(L, bytes, count, name, "t");
  S->nofail = nofail;
  return status;
}

/* [-1, +1] value -> string */
static int tostring_protected(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

/* mt_pcall for what runs no Lua code: no interrupt strikes here, where nobody would hand it on. */
static int quiet_pcall(lua_State *L, int nargs, int nresults) {
  mt_lua *S = mt_block(L);
  lua_State *running = S->running;
  const int nofail = S->nofail;
  const int handler = lua_gettop(L) - nargs;
  S->running = NULL; /* the signal finds nothing to arm */
  lua_sethook(L, NULL, 0, 0);
  S->frame_count = 0;
  lua_pushcfunction(L, mt_message_handler);
  lua_insert(L, handler);
  S->nofail = 0;
  const int status = lua_pcall(L, nargs, nresults, handler);
  S->nofail = nofail;
  lua_remove(L, handler);
  S->running = running;
  mt_disarm(L);
  if (running != NULL) mt_check(L, S);
  return status;
}

void mt_tostring(lua_State *L, int index) {
  index = lua_absindex(L, index);
  bool is_native = true;
  if (luaL_getmetafield(L, index, "__tostring") != LUA_TNIL) {
    is_native = lua_iscfunction(L, -1);
    lua_pop(L, 1);
  }
  lua_pushcfunction(L, tostring_protected);
  lua_pushvalue(L, index);
  const int status = is_native ? quiet_pcall(L, 1, 1) : mt_pcall(L, 1, 1);
  if (status == LUA_OK && lua_type(L, -1) == LUA_TSTRING) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index));
}

/* [-2, +1] object key -> object[key] */
static int get_protected(lua_State *L) {
  lua_settop(L, 2);
  lua_gettable(L, 1);
  return 1;
}

/* [-3, +0] */
static int set_protected(lua_State *L) {
  lua_settop(L, 3);
  lua_settable(L, 1);
  return 0;
}

int mt_get(lua_State *L) {
  lua_pushcfunction(L, get_protected);
  lua_insert(L, -3);
  return mt_pcall(L, 2, 1);
}

int mt_set(lua_State *L) {
  lua_pushcfunction(L, set_protected);
  lua_insert(L, -4);
  return mt_pcall(L, 3, 0);
}

/* ---- Life ---- */

/* [-0, +0] an error object that can be thrown without allocating. */
static void keep_error(lua_State *L, const char *key, const char *code, const char *message) {
  mt_push_error(L, code, strlen(code), message, strlen(message), NULL, 0);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* Protected set-up. */
static int set_up(lua_State *L) {
  luaL_newmetatable(L, "moontide.box");
  lua_pushcfunction(L, collect_box);
  lua_setfield(L, -2, "__gc");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_box_metatable_key);

  lua_createtable(L, 0, 4);
  lua_pushliteral(L, "error");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, mt_tostring_error);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, concat_error);
  lua_setfield(L, -2, "__concat");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_error_metatable_key);

  keep_error(L, &mt_object_keys[MT_INTERRUPTED], "interrupted", "interrupted");
  keep_error(L, &mt_object_keys[MT_EXIT], "exit", "exit");
  keep_error(L, &mt_object_keys[MT_CANCELLED], "cancelled", "cancelled");
  keep_error(L, &mt_memory_error_key, "memory", "not enough memory");

  lua_newthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &mt_finalizer_thread_key);

  luaL_openlibs(L);
  mt_open_libraries(L);
  mt_open_coroutines(L);
  return 0;
}

/* lua_WarnFunction: "@on" and "@off" are for us, the rest is output. */
static void warn(void *ud, const char *message, int to_be_continued) {
  mt_lua *S = ud;
  if (!S->warning_continues && !to_be_continued && *message == '@') {
    if (strcmp(message, "@on") == 0) S->warnings = true;
    if (strcmp(message, "@off") == 0) S->warnings = false;
    return;
  }
  if (S->warnings) {
    S->nofail++;
    if (!S->warning_continues) S->callbacks.output(S->owner, "Lua warning: ", 13, true);
    S->callbacks.output(S->owner, message, strlen(message), true);
    if (!to_be_continued) S->callbacks.output(S->owner, "\n", 1, true);
    S->nofail--;
  }
  S->warning_continues = to_be_continued != 0;
}

mt_lua *mt_new(mt_irq *irq, void *owner, mt_callbacks callbacks) {
  mt_lua *S = calloc(1, sizeof *S);
  if (S == NULL) return NULL;
  S->frames = calloc(MT_FRAMES, sizeof *S->frames);
  S->irq = irq;
  S->owner = owner;
  S->callbacks = callbacks;
  S->nofail = 1; /* Swift runs, except inside mt_pcall and mt_resume */
  S->warnings = true;
  lua_State *L = S->frames == NULL ? NULL : lua_newstate(allocate, S);
  if (L == NULL) {
    free(S->frames);
    free(S);
    return NULL;
  }
  S->main = L;
  *(mt_lua **)lua_getextraspace(L) = S;
  lua_setwarnf(L, warn, S);
  mt_install_signal();
  mt_disarm(L);
  lua_pushcfunction(L, set_up);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    mt_close(S);
    return NULL;
  }
  return S;
}

/* [-0, +0] removes path's last field; upvalue-free, argument 1 is the path. */
static int remove_protected(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  const char *dot = strchr(path, '.');
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  if (dot != NULL) {
    lua_pushlstring(L, path, (size_t)(dot - path));
    if (lua_rawget(L, -2) != LUA_TTABLE) return 0;
    lua_pushnil(L);
    lua_setfield(L, -2, dot + 1);
    return 0;
  }
  lua_pushnil(L);
  lua_setfield(L, -2, path);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  lua_setfield(L, -2, path);
  return 0;
}

void mt_remove(mt_lua *S, const char *path) {
  lua_pushcfunction(S->main, remove_protected);
  lua_pushstring(S->main, path);
  if (mt_pcall(S->main, 1, 0) != LUA_OK) lua_pop(S->main, 1);
}

void mt_close(mt_lua *S) {
  mt_lua *outer = mt_enter(S);
  S->limit = 0;
  S->nofail = 0;
  S->running = S->main;
  lua_close(S->main);
  mt_leave(S, outer);
  free(S->frames);
  free(S);
}
