/*
** The standard libraries as the notebook has them: printing goes through the embedder, leaving
** unwinds, bytecode is refused, and debug cannot break what native code relies on.
*/
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lua_internal.h"

/* ---- Output ---- */

static void output(mt_lua *S, const char *bytes, size_t count, bool is_error) {
  S->nofail++;
  S->callbacks.output(S->owner, bytes, count, is_error);
  S->nofail--;
}

/* print(...): one piece of output a call, so lines of several tasks do not mix. */
static int base_print(lua_State *L) {
  const int count = lua_gettop(L);
  luaL_Buffer line;
  luaL_buffinit(L, &line);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addchar(&line, '\t');
    luaL_tolstring(L, i, NULL);
    luaL_addvalue(&line);
  }
  luaL_addchar(&line, '\n');
  luaL_pushresult(&line);
  size_t bytes;
  const char *text = lua_tolstring(L, -1, &bytes);
  output(mt_block(L), text, bytes, false);
  return 0;
}

/* The stream behind the value, when it is the process's own output. */
static FILE *_Nullable standard_stream(lua_State *L, int index) {
  const luaL_Stream *stream = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (stream == NULL || stream->closef == NULL) return NULL;
  return stream->f == stdout || stream->f == stderr ? stream->f : NULL;
}

/* [-0, +1] writes the arguments from first on; the file at index is the result. */
static int write_standard(lua_State *L, FILE *stream, int first, int file) {
  const int count = lua_gettop(L);
  luaL_Buffer text;
  lua_pushvalue(L, file);
  luaL_buffinit(L, &text);
  for (int i = first; i <= count; i++) {
    lua_pushvalue(L, i);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  size_t bytes;
  const char *start = lua_tolstring(L, -1, &bytes);
  if (bytes > 0) output(mt_block(L), start, bytes, stream == stderr);
  lua_pop(L, 1);
  return 1;
}

/* [-0, +0] the arguments from first to last are strings or numbers. */
static void check_text(lua_State *L, int first, int last) {
  for (int i = first; i <= last; i++) luaL_checkstring(L, i);
}

/* [-all, +?] the original function (upvalue 1) with the same arguments. */
static int call_original(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* file:write(...) */
static int file_write(lua_State *L) {
  FILE *stream = standard_stream(L, 1);
  if (stream == NULL) return call_original(L);
  check_text(L, 2, lua_gettop(L));
  return write_standard(L, stream, 2, 1);
}

/* io.write(...): the default output sits in the registry, as liolib has it. */
static int io_write(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output");
  FILE *stream = standard_stream(L, -1);
  if (stream == NULL) {
    lua_pop(L, 1);
    return call_original(L);
  }
  check_text(L, 1, lua_gettop(L) - 1);
  lua_insert(L, 1);
  return write_standard(L, stream, 2, 1);
}

/* [-1, +1] table -> table, with field name replaced by f, which keeps the original. */
static void wrap_field(lua_State *L, const char *name, lua_CFunction f) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

/* ---- Loading: text only ---- */

/* [-0, +0] forces mode "t" at index of the stack; a mode without text stays refused. */
static void force_text(lua_State *L, int index) {
  if (lua_gettop(L) < index) lua_settop(L, index);
  const char *mode = luaL_optstring(L, index, "t");
  lua_pushstring(L, strchr(mode, 't') != NULL ? "t" : "");
  lua_replace(L, index);
}

/* load(chunk, name, mode, env) */
static int base_load(lua_State *L) {
  force_text(L, 3);
  return call_original(L);
}

/* loadfile(name, mode, env) */
static int base_loadfile(lua_State *L) {
  force_text(L, 2);
  return call_original(L);
}

static int loaded_file_done(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L) - 1;
}

/* dofile(name) */
static int base_dofile(lua_State *L) {
  const char *name = luaL_optstring(L, 1, NULL);
  lua_settop(L, 1);
  if (luaL_loadfilex(L, name, "t") != LUA_OK) return lua_error(L);
  lua_callk(L, 0, LUA_MULTRET, 0, loaded_file_done);
  return loaded_file_done(L, 0, 0);
}

/* The searcher of Lua modules; upvalue 1 is the package table. */
static int search_text(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_getfield(L, lua_upvalueindex(1), "searchpath");
  lua_pushvalue(L, 1);
  if (lua_getfield(L, lua_upvalueindex(1), "path") != LUA_TSTRING)
    return luaL_error(L, "'package.path' must be a string");
  lua_call(L, 2, 2);
  if (lua_isnil(L, -2)) return 1; /* where it looked */
  lua_pop(L, 1);
  const char *path = lua_tostring(L, -1);
  if (luaL_loadfilex(L, path, "t") != LUA_OK)
    return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                      lua_tostring(L, -1));
  lua_insert(L, -2);
  return 2;
}

/*
** [-0, +0] package: modules are Lua text. C modules are compiled against an interpreter of their
** own; two in one process crash, so there is no way to load one.
*/
static void open_package(lua_State *L) {
  lua_getfield(L, -1, "package");
  lua_pushnil(L);
  lua_setfield(L, -2, "loadlib");
  lua_getfield(L, -1, "searchers");
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, search_text, 1);
  lua_rawseti(L, -2, 2);
  for (int i = 3; i <= 4; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 2);
}

/* ---- Leaving ---- */

/* os.exit(code, close): unwinds; pending <close> variables close, no pcall stops it. */
static int os_exit(lua_State *L) {
  mt_lua *S = mt_block(L);
  if (lua_isboolean(L, 1))
    S->exit_code = lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
  else
    S->exit_code = (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
  mt_begin_unwinding(S, MT_EXIT);
  mt_record_traceback(L, S, 0);
  mt_throw_unwinding(L, S);
}

/* ---- Commands ---- */

/* How long a Ctrl-C that has ended a command may take to reach us, too: a command can also end itself that way. */
#define COMMAND_NS INT64_C(50000000)
/* How long the thread of signals may take to act: it is ready to run, and the machine may be busy. */
#define SIGNALS_NS INT64_C(2000000000)

/* The number of the child that runs a command, as system() makes it; -1 with errno. */
static pid_t start_command(const char *command) {
  extern char **environ;
  char *const arguments[] = {"sh", "-c", (char *)command, NULL};
  sigset_t none;
  sigset_t usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGQUIT);
  posix_spawnattr_t attributes;
  int failure = posix_spawnattr_init(&attributes);
  if (failure != 0) {
    errno = failure;
    return -1;
  }
  /* A script's thread may have signals blocked; whoever runs the command has them all. */
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t child;
  failure = posix_spawn(&child, "/bin/sh", NULL, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  if (failure == 0) return child;
  errno = failure;
  return -1;
}

/* Waits, a moment at most, until what came as a signal so far has been acted upon by the thread of signals. */
static void await_signals(void) {
  const int seen = mt_signals_seen();
  const int64_t until = mt_monotonic_ns() + SIGNALS_NS;
  while (mt_signals_handled() - seen < 0 && mt_monotonic_ns() < until) usleep(100);
}

/* Does a process leave SIGINT as it is? Then one that lives has not been sent any. */
static bool dies_of_interrupt(pid_t child) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/status", (int)child);
  FILE *status = fopen(path, "re");
  if (status == NULL) return false;
  char line[256];
  unsigned long long ignored = 0, caught = 0;
  while (fgets(line, sizeof line, status) != NULL) {
    sscanf(line, "SigIgn: %llx", &ignored);
    sscanf(line, "SigCgt: %llx", &caught);
  }
  fclose(status);
  return ((ignored | caught) >> (SIGINT - 1) & 1) == 0;
}

/* Waits for the command's end. A Ctrl-C from just before there was a command has missed it, and is handed on. */
static void await_command(mt_lua *S, pid_t child) {
  const int ended = (int)syscall(SYS_pidfd_open, child, 0);
  if (ended < 0) return; /* an old kernel: it has to end by itself */
  bool handed_on = false;
  while (!mt_irq_poll(S->irq, ended, -1)) {
    if (handed_on || !mt_irq_requested(S->irq)) continue;
    handed_on = true;
    if (dies_of_interrupt(child)) kill(child, SIGINT);
  }
  close(ended);
  mt_irq_ring(S->irq); /* what was taken here was not ours alone */
}

/* As system(), which ignores SIGINT meanwhile: here it reaches the command and us. The code that called goes on until the
 * command has ended, and is interrupted then; not one instruction later, though we hear of it from another thread. */
static int run_command(mt_lua *S, const char *command) {
  const int seen = mt_signals_seen();
  const pid_t child = start_command(command);
  if (child < 0) return -1;
  await_command(S, child);
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  const bool interrupted = (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) ||
                           (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT);
  /* The same Ctrl-C, which may not even have reached our handler. */
  const int64_t until = mt_monotonic_ns() + COMMAND_NS;
  while (interrupted && mt_signals_seen() == seen && mt_monotonic_ns() < until) usleep(100);
  await_signals();
  return status;
}

/* os.execute(command) */
static int os_execute(lua_State *L) {
  const char *command = luaL_optstring(L, 1, NULL);
  if (command == NULL) {
    lua_pushboolean(L, access("/bin/sh", X_OK) == 0);
    return 1;
  }
  mt_lua *S = mt_block(L);
  errno = 0;
  const int status = run_command(S, command);
  const int failure = errno;
  mt_check(L, S);
  errno = status == -1 ? failure : 0;
  return luaL_execresult(L, status);
}

/* ---- Metatables ---- */

/* setmetatable(table, metatable), which also puts its __gc within the interrupt's reach. */
static int base_setmetatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  if (lua_istable(L, 2)) mt_guard_finalizer(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

/* debug.setmetatable(value, metatable): not for userdata, whose type native code trusts. */
static int debug_setmetatable(lua_State *L) {
  luaL_argcheck(L, lua_type(L, 1) != LUA_TUSERDATA, 1, "userdata keep their metatable");
  if (lua_istable(L, 2)) mt_guard_finalizer(L, 2);
  return call_original(L);
}

/* debug.setupvalue, debug.upvaluejoin: not for native functions, which trust their upvalues. */
static int debug_change_upvalue(lua_State *L) {
  luaL_argcheck(L, !lua_iscfunction(L, 1), 1, "Lua function expected");
  return call_original(L);
}

/* debug.getupvalue(f, n): those of native functions are their classes' tables. */
static int debug_getupvalue(lua_State *L) {
  if (lua_iscfunction(L, 1)) return 0;
  return call_original(L);
}

/* [-0, +0] the level that a debug function is asked for; false for a native one, whose values are native code's own:
 * buffers that are being filled, waits, boxes. */
static bool level_at(lua_State *L, lua_State *co, int index, lua_Debug *ar) {
  const lua_Integer level = luaL_checkinteger(L, index);
  luaL_argcheck(L, level >= 0 && level < 1 << 30 && lua_getstack(co, (int)level, ar), index, "level out of range");
  return lua_getinfo(co, "S", ar) && *ar->what != 'C';
}

/* debug.getlocal([thread,] f, local), without native functions' */
static int debug_getlocal(lua_State *L) {
  const int first = lua_isthread(L, 1) ? 2 : 1;
  lua_State *co = first == 2 ? lua_tothread(L, 1) : L;
  const int local = (int)luaL_checkinteger(L, first + 1);
  if (lua_isfunction(L, first)) {
    lua_pushvalue(L, first);
    lua_pushstring(L, lua_getlocal(L, NULL, local));
    return 1;
  }
  lua_Debug ar;
  const char *name = NULL;
  if (level_at(L, co, first, &ar)) {
    if (co != L && !lua_checkstack(co, 1)) return luaL_error(L, "stack overflow");
    name = lua_getlocal(co, &ar, local);
  }
  if (name == NULL) {
    lua_pushnil(L);
    return 1;
  }
  if (co != L) lua_xmove(co, L, 1);
  lua_pushstring(L, name);
  lua_insert(L, -2);
  return 2;
}

/* debug.setlocal([thread,] level, local, value), without native functions' */
static int debug_setlocal(lua_State *L) {
  const int first = lua_isthread(L, 1) ? 2 : 1;
  lua_State *co = first == 2 ? lua_tothread(L, 1) : L;
  const int local = (int)luaL_checkinteger(L, first + 1);
  luaL_checkany(L, first + 2);
  lua_settop(L, first + 2);
  lua_Debug ar;
  luaL_argcheck(L, level_at(L, co, first, &ar), first, "Lua function expected");
  if (co != L) {
    if (!lua_checkstack(co, 1)) return luaL_error(L, "stack overflow");
    lua_xmove(L, co, 1);
  }
  const char *name = lua_setlocal(co, &ar, local);
  if (name == NULL) lua_settop(co, -2);
  lua_pushstring(L, name);
  return 1;
}

/* [-0, +0] */
static void open_debug(lua_State *L) {
  static const char *const absent[] = {"sethook", "gethook", "getregistry", "debug",
                                       "setuservalue"}; /* they keep alive what native code points at */
  lua_getfield(L, -1, "debug");
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
    lua_pushnil(L);
    lua_setfield(L, -2, absent[i]);
  }
  wrap_field(L, "setmetatable", debug_setmetatable);
  wrap_field(L, "setupvalue", debug_change_upvalue);
  wrap_field(L, "upvaluejoin", debug_change_upvalue);
  wrap_field(L, "getupvalue", debug_getupvalue);
  lua_pushcfunction(L, debug_getlocal);
  lua_setfield(L, -2, "getlocal");
  lua_pushcfunction(L, debug_setlocal);
  lua_setfield(L, -2, "setlocal");
  lua_pop(L, 1);
}

void mt_open_libraries(lua_State *L) {
  static const luaL_Reg base[] = {{"print", base_print},
                                  {"dofile", base_dofile},
                                  {"setmetatable", base_setmetatable},
                                  {NULL, NULL}};
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  luaL_setfuncs(L, base, 0);
  wrap_field(L, "load", base_load);
  wrap_field(L, "loadfile", base_loadfile);
  open_package(L);
  open_debug(L);
  lua_getfield(L, -1, "io");
  wrap_field(L, "write", io_write);
  lua_pop(L, 1);
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  wrap_field(L, "write", file_write);
  lua_pop(L, 2);
  lua_getfield(L, -1, "os");
  lua_pushcfunction(L, os_exit);
  lua_setfield(L, -2, "exit");
  lua_pushcfunction(L, os_execute);
  lua_setfield(L, -2, "execute");
  lua_pushnil(L); /* the locale is the whole process's, numbers of other interpreters included */
  lua_setfield(L, -2, "setlocale");
  lua_pop(L, 2);
}
