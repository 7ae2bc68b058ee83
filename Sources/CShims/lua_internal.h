#ifndef MOONTIDE_LUA_INTERNAL_H
#define MOONTIDE_LUA_INTERNAL_H
#include <lua5.4/lualib.h>

#include "interrupt_shim.h"
#include "lua_shim.h"
#include "lua_view.h"

#pragma clang assume_nonnull begin

/* Objects kept in the registry under the addresses of these. */
extern const char mt_error_metatable_key;
extern const char mt_box_metatable_key;
extern const char mt_object_keys[];    /* by MT_INTERRUPTED...: what unwinding throws */
extern const char mt_memory_error_key; /* thrown by the trampoline beyond the limit */
extern const char mt_finalizer_thread_key;
/* What a wait yields: its address as light userdata. */
extern const char mt_wait_key;

/* Puts the interrupt's hook on L when there is something to do for it. */
void mt_arm(lua_State *L, mt_lua *S);
/* Looks at the clock now and then, for a finalizer's time. */
void mt_watch(lua_State *L);
static inline void mt_check(lua_State *L, mt_lua *S) {
  if (S->unwinding != MT_NOT_UNWINDING || mt_irq_requested(S->irq) || mt_irq_called(S->irq))
    mt_arm(L, S);
  else if (S->finalizing)
    mt_watch(L);
}
/* A state without hook; a polling one under the thread sanitizer, which delays signals. */
void mt_disarm(lua_State *L);
void mt_install_signal(void);

/* Is the value on top what unwinding throws? */
bool mt_is_unwinding(lua_State *L, mt_lua *S);
/* Raises it. */
_Noreturn void mt_throw_unwinding(lua_State *L, mt_lua *S);
/* [-1, +1] message handler of the outermost protected calls. */
int mt_message_handler(lua_State *L);

/* Runs a box with the stack as it is; for trampolines. */
int mt_run_box(lua_State *L, void *_Nullable box);
/* __index of objects, see mt_push_class; and for those that C reads, which come back to it. Their first upvalues. */
enum { MT_METHODS = 1, MT_GETTERS = 2 };
int mt_read_member(lua_State *L);
int mt_index_view(lua_State *L);
int mt_index_whole(lua_State *L);
/* What to do with a native function's answer; raises, yields or returns a count. */
int mt_settle(lua_State *L, mt_lua *S, int32_t answer);
int mt_resume(mt_lua *S, lua_State *co, lua_State *_Nullable from, int nargs, int *nresults);
bool mt_waits(lua_State *co);

/* [-0, +0] replaces functions of the base and coroutine libraries: protected calls, resume. */
void mt_open_coroutines(lua_State *L);
/* [-0, +0] replaces what loads, prints, leaves; removes what would break the promises. */
void mt_open_libraries(lua_State *L);
/* Makes the __gc of the metatable at index run where the interrupt reaches it. */
void mt_guard_finalizer(lua_State *L, int index);
int mt_tostring_error(lua_State *L);

#pragma clang assume_nonnull end
#endif
