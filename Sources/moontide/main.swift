import CShims
print(lua_gettop(luaL_newstate()!))
