#ifndef MOONTIDE_CSHIMS_H
#define MOONTIDE_CSHIMS_H
#include "edit_shim.h"
#include <histedit.h>
#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>

#include "interrupt_shim.h"
#include "lua_shim.h"
#include "lua_view.h"
#endif
