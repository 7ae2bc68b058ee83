/*
** Rows of samples and what is made of them, read in place: see lua_view.h. Whatever is unusual here (an argument of
** another type, samples that are no numbers, an object that was released) goes to Swift, which knows what to say.
*/
#include "lua_view.h"

#include <math.h>
#include <string.h>

#include "lua_internal.h"

/* User values of a view: the whole it is part of, the Swift object it became, the table of its runs. */
enum { OWNER = 1, OBJECT = 2, RUNS = 3, VIEW_VALUES = 3 };
/* User values of a whole: the names of its parts, then the parts that were asked for. */
enum { NAMES = 1, FIRST_PART = 2 };

/* A whole: an object made of named parts. */
typedef struct whole {
  mt_object object;
  const void *tag;
  const mt_reader *reader;
  int64_t count;
  int64_t kept; /* parts that have a user value */
  bool holds, is_named;
} whole;
_Static_assert(offsetof(whole, tag) == offsetof(mt_view, tag), "the tag of both is at one place");

/* What userdata of a script's own numbers begin with: none of them is ever taken for an object. */
typedef struct head { char zeros[sizeof(mt_view)]; } head;

static char view_tag, whole_tag;

/* The userdata at index if it is of this kind: all others of that length have zeros there, light ones have none. */
static mt_view *_Nullable view_at(lua_State *L, int index) {
  mt_view *found = lua_touserdata(L, index);
  return found != NULL && lua_rawlen(L, index) >= sizeof *found && found->tag == &view_tag ? found : NULL;
}

static whole *_Nullable whole_at(lua_State *L, int index) {
  whole *found = lua_touserdata(L, index);
  return found != NULL && lua_rawlen(L, index) >= sizeof *found && found->tag == &whole_tag ? found : NULL;
}

/* Somebody may have called __gc by hand, or a finalizer may run behind ours. */
static bool is_alive(const mt_view *v) { return v->owner->object != NULL; }

/* ---- Runs ---- */

/* [-0, +0] makes the table of runs of the view at index. */
static bool list_runs(lua_State *L, int index, mt_view *v) {
  const int32_t room = v->run_count;
  if (v->kind == MT_OPAQUE || room < 1 || room > MT_RUNS_MAX) return false;
  index = lua_absindex(L, index);
  head *memory = lua_newuserdatauv(L, sizeof *memory + (size_t)room * sizeof(mt_run), 0);
  memset(memory, 0, sizeof *memory);
  mt_run *runs = (mt_run *)(memory + 1);
  mt_lua *S = mt_block(L);
  S->nofail++;
  const int32_t count = is_alive(v) ? v->reader->runs(v->reader->context, v->owner->object, v->place, runs, room) : 0;
  S->nofail--;
  if (count < 1 || count > room || runs[count - 1].end != v->count) {
    lua_pop(L, 1);
    return false;
  }
  lua_setiuservalue(L, index, RUNS);
  v->run_count = count;
  v->recent = 0;
  v->runs = runs;
  return true;
}

/* True when C can read the view at index. An empty one has no runs. */
static inline bool is_readable(lua_State *L, int index, mt_view *v) {
  return is_alive(v) && (v->runs != NULL || (v->kind != MT_OPAQUE && v->count == 0) || list_runs(L, index, v));
}

static const mt_run *run_at(mt_view *v, int64_t position) {
  const mt_run *recent = &v->runs[v->recent];
  if (position >= recent->begin && position < recent->end) return recent;
  int32_t low = 0;
  int32_t high = v->run_count - 1;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (v->runs[middle].end <= position)
      low = middle + 1;
    else
      high = middle;
  }
  v->recent = low;
  return &v->runs[low];
}

static void push_unsigned(lua_State *L, uint64_t value) {
  /* Lua's integers are signed; as a float it keeps its size. */
  if (value <= INT64_MAX)
    lua_pushinteger(L, (lua_Integer)value);
  else
    lua_pushnumber(L, (lua_Number)value);
}

/* [-0, +1] a sample of a readable view, at a position that it has. */
static inline void push_sample(lua_State *L, mt_view *v, int64_t position) {
  const mt_run *run = run_at(v, position);
  const int64_t i = position - run->begin;
  switch (v->kind) {
    case MT_FLOAT32: lua_pushnumber(L, ((const float *)run->samples)[i]); break;
    case MT_FLOAT64: lua_pushnumber(L, ((const double *)run->samples)[i]); break;
    case MT_INT8: lua_pushinteger(L, ((const int8_t *)run->samples)[i]); break;
    case MT_INT16: lua_pushinteger(L, ((const int16_t *)run->samples)[i]); break;
    case MT_INT32: lua_pushinteger(L, ((const int32_t *)run->samples)[i]); break;
    case MT_INT64: lua_pushinteger(L, ((const int64_t *)run->samples)[i]); break;
    case MT_UINT8: lua_pushinteger(L, ((const uint8_t *)run->samples)[i]); break;
    case MT_UINT16: lua_pushinteger(L, ((const uint16_t *)run->samples)[i]); break;
    case MT_UINT32: lua_pushinteger(L, ((const uint32_t *)run->samples)[i]); break;
    case MT_UINT64: push_unsigned(L, ((const uint64_t *)run->samples)[i]); break;
    case MT_BOOL: lua_pushboolean(L, ((const uint8_t *)run->samples)[i] != 0); break;
    default: lua_pushnil(L);
  }
}

/* From 1, or from -1 at the end, to a position from 0; false outside. */
static inline bool place_of(int64_t number, int64_t count, int64_t *position) {
  *position = number < 0 ? number + count : number - 1;
  return number != 0 && *position >= 0 && *position < count;
}

/* ---- Methods of views ---- */

/* [-0, +?] the same call in Swift; upvalue 1 is the box of the function. */
static int fall_back(lua_State *L) { return mt_run_box(L, lua_touserdata(L, lua_upvalueindex(1))); }

/* __index: positions, then members. Its upvalues are those of mt_read_member. */
int mt_index_view(lua_State *L) {
  int is_integer;
  if (lua_type(L, 2) != LUA_TNUMBER) return mt_read_member(L);
  mt_view *v = view_at(L, 1);
  const lua_Integer number = lua_tointegerx(L, 2, &is_integer);
  if (v == NULL || !is_integer || !is_readable(L, 1, v)) return mt_read_member(L);
  int64_t position;
  if (!place_of(number, v->count, &position)) return 0;
  push_sample(L, v, position);
  return 1;
}

/* __len */
static int length(lua_State *L) {
  const mt_view *v = view_at(L, 1);
  if (v == NULL || !is_alive(v)) return fall_back(L);
  lua_pushinteger(L, v->count);
  return 1;
}

/* Where a loop over a view is. */
typedef struct cursor {
  mt_view *view; /* upvalue 2 keeps it */
  int64_t position;
} cursor;

/* The iterator; upvalue 1 is the cursor. */
static int step_each(lua_State *L) {
  cursor *at = lua_touserdata(L, lua_upvalueindex(1));
  mt_view *v = at->view;
  if (!is_alive(v)) return luaL_error(L, "the samples of this loop were released");
  if (at->position >= v->count) {
    lua_pushnil(L);
    return 1;
  }
  const int64_t position = at->position++;
  lua_pushinteger(L, position + 1);
  push_sample(L, v, position);
  return 2;
}

/* x:each() */
static int each(lua_State *L) {
  mt_view *v = view_at(L, 1);
  if (v == NULL || !is_readable(L, 1, v)) return fall_back(L);
  cursor *at = lua_newuserdatauv(L, sizeof *at, 0);
  at->view = v;
  at->position = 0;
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, step_each, 2);
  return 1;
}

static int64_t saturated(bool is_negative) { return is_negative ? INT64_MIN : INT64_MAX; }

/* x:time(i) */
static int time_of(lua_State *L) {
  mt_view *v = view_at(L, 1);
  int is_integer;
  const lua_Integer number = lua_tointegerx(L, 2, &is_integer);
  if (v == NULL || !is_integer || !is_readable(L, 1, v)) return fall_back(L);
  int64_t position;
  lua_pushnil(L);
  if (!place_of(number, v->count, &position)) return 1;
  const mt_run *run = run_at(v, position);
  if (run->stamps != NULL) {
    lua_pushinteger(L, run->stamps[position - run->begin]);
  } else if (run->per > 0) {
    /* As in Step.offset: sticks to the ends of the range. */
    const int64_t steps = run->phase + (position - run->begin);
    int64_t offset, time;
    if (__builtin_mul_overflow(steps, run->units, &offset))
      offset = saturated((steps < 0) != (run->units < 0));
    else
      offset /= run->per;
    if (__builtin_add_overflow(run->start, offset, &time)) time = saturated(offset < 0);
    lua_pushinteger(L, time);
  }
  return 1;
}

/* ---- Numbers about views ---- */

typedef double doubles __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(32)));
enum { LANES = 8 };

/* A sum of integers is high * 2^32 + low, exact for up to 2^31 samples; of floats it is `real`. */
typedef struct total {
  bool is_real;
  double real;
  int64_t high, low;
} total;

static inline const void *_Nullable samples_of(const mt_run *run, int64_t *count) {
  *count = run->end - run->begin;
  return run->samples;
}

/* In eight lanes, which is faster than one and rounds less. */
#define SUM_REALS(TYPE, ADD)                                           \
  {                                                                    \
    doubles lanes = {0};                                               \
    double rest = 0;                                                   \
    for (int32_t r = 0; r < v->run_count; r++) {                       \
      int64_t count, i = 0;                                            \
      const TYPE *at = samples_of(&v->runs[r], &count);                \
      for (; i + LANES <= count; i += LANES) ADD(lanes, at + i);       \
      for (; i < count; i++) rest += (double)at[i];                    \
    }                                                                  \
    double sum = 0;                                                    \
    for (int k = 0; k < LANES; k++) sum += lanes[k];                   \
    result.is_real = true;                                             \
    result.real = sum + rest;                                          \
    break;                                                             \
  }

#define SUM_INTEGERS(TYPE)                                             \
  {                                                                    \
    for (int32_t r = 0; r < v->run_count; r++) {                       \
      int64_t count;                                                   \
      const TYPE *at = samples_of(&v->runs[r], &count);                \
      for (int64_t i = 0; i < count; i++) low += (uint64_t)(int64_t)at[i]; \
    }                                                                  \
    break;                                                             \
  }

#define SUM_WIDE(TYPE)                                                 \
  {                                                                    \
    for (int32_t r = 0; r < v->run_count; r++) {                       \
      int64_t count;                                                   \
      const TYPE *at = samples_of(&v->runs[r], &count);                \
      for (int64_t i = 0; i < count; i++) {                            \
        high += (uint64_t)(at[i] >> 32);                               \
        low += (uint64_t)at[i] & 0xffffffff;                           \
      }                                                                \
    }                                                                  \
    break;                                                             \
  }

/* By address: vectors of this length are passed otherwise on other machines. */
#define ADD_DOUBLES(LANES_TOTAL, AT)           \
  do {                                         \
    doubles values;                            \
    memcpy(&values, AT, sizeof values);        \
    LANES_TOTAL += values;                     \
  } while (0)

#define ADD_FLOATS(LANES_TOTAL, AT)                          \
  do {                                                       \
    floats values;                                           \
    memcpy(&values, AT, sizeof values);                      \
    LANES_TOTAL += __builtin_convertvector(values, doubles); \
  } while (0)

/* Sum over a readable view of numbers. */
static total sum_of(const mt_view *v) {
  total result = {0};
  uint64_t high = 0, low = 0;
  switch (v->kind) {
    case MT_FLOAT32: SUM_REALS(float, ADD_FLOATS)
    case MT_FLOAT64: SUM_REALS(double, ADD_DOUBLES)
    case MT_INT8: SUM_INTEGERS(int8_t)
    case MT_INT16: SUM_INTEGERS(int16_t)
    case MT_INT32: SUM_INTEGERS(int32_t)
    case MT_UINT8: SUM_INTEGERS(uint8_t)
    case MT_UINT16: SUM_INTEGERS(uint16_t)
    case MT_UINT32: SUM_INTEGERS(uint32_t)
    case MT_INT64: SUM_WIDE(int64_t)
    case MT_UINT64: SUM_WIDE(uint64_t)
    default: break;
  }
  result.high = (int64_t)high;
  result.low = (int64_t)low;
  return result;
}

/* The view at 1 when it holds numbers that C can read, and at least one. */
static mt_view *_Nullable numbers_at(lua_State *L) {
  mt_view *v = view_at(L, 1);
  if (v == NULL || v->count == 0 || v->kind == MT_BOOL || !is_readable(L, 1, v)) return NULL;
  return v;
}

/* x:sum(): of integers an integer; a float only when it would fit neither int64 nor uint64, or not Lua's integers. */
static int sum(lua_State *L) {
  mt_view *v = numbers_at(L);
  if (v == NULL) return fall_back(L);
  const total t = sum_of(v);
  if (t.is_real) {
    lua_pushnumber(L, t.real);
    return 1;
  }
  const __int128 exact = (__int128)t.high * ((__int128)1 << 32) + t.low;
  const __int128 upper = exact >> 32;
  if (exact >= INT64_MIN && exact <= INT64_MAX)
    lua_pushinteger(L, (lua_Integer)exact);
  else if (exact > 0 && exact <= UINT64_MAX)
    lua_pushnumber(L, (lua_Number)(uint64_t)exact);
  else
    lua_pushnumber(L, (lua_Number)(int64_t)upper * 0x1p32 + (lua_Number)(int64_t)(exact & 0xffffffff));
  return 1;
}

/* x:mean() */
static int mean(lua_State *L) {
  mt_view *v = numbers_at(L);
  if (v == NULL) return fall_back(L);
  const total t = sum_of(v);
  const double sum = t.is_real ? t.real : (double)t.high * 0x1p32 + (double)t.low;
  lua_pushnumber(L, sum / (double)v->count);
  return 1;
}

/*
** The extreme by OP over all runs, into `best`; NaN is left out (IS_NAN), and of equal ones the first counts. Lanes find
** the value; where that is zero, of either sign, the first one is looked for.
*/
#define EXTREME(TYPE, OP, IS_NAN)                                                          \
  TYPE best = 0;                                                                           \
  bool found = false;                                                                      \
  for (int32_t r = 0; r < v->run_count; r++) {                                             \
    int64_t count, i = 0;                                                                  \
    const TYPE *at = samples_of(&v->runs[r], &count);                                      \
    if (!found) {                                                                          \
      while (i < count && IS_NAN(at[i])) i++;                                              \
      if (i == count) continue;                                                            \
      best = at[i];                                                                        \
      found = true;                                                                        \
    }                                                                                      \
    TYPE lanes[LANES];                                                                     \
    for (int k = 0; k < LANES; k++) lanes[k] = best;                                       \
    for (; i + LANES <= count; i += LANES)                                                 \
      for (int k = 0; k < LANES; k++) lanes[k] = at[i + k] OP lanes[k] ? at[i + k] : lanes[k]; \
    for (; i < count; i++) best = at[i] OP best ? at[i] : best;                            \
    for (int k = 0; k < LANES; k++) best = lanes[k] OP best ? lanes[k] : best;             \
  }                                                                                        \
  for (int32_t r = 0; found && best == 0 && r < v->run_count; r++) {                       \
    int64_t count, i = 0;                                                                  \
    const TYPE *at = samples_of(&v->runs[r], &count);                                      \
    while (i < count && at[i] != 0) i++;                                                   \
    if (i == count) continue;                                                              \
    best = at[i];                                                                          \
    break;                                                                                 \
  }

#define REAL_NAN(value) isnan(value)
#define NEVER_NAN(value) false

#define PUSH_REAL_EXTREME(TYPE, OP)                \
  {                                                \
    EXTREME(TYPE, OP, REAL_NAN)                    \
    lua_pushnumber(L, found ? (double)best : NAN); \
    return;                                        \
  }
#define PUSH_INTEGER_EXTREME(TYPE, OP) \
  {                                    \
    EXTREME(TYPE, OP, NEVER_NAN)       \
    lua_pushinteger(L, best);          \
    return;                            \
  }
#define PUSH_UNSIGNED_EXTREME(TYPE, OP) \
  {                                     \
    EXTREME(TYPE, OP, NEVER_NAN)        \
    push_unsigned(L, best);             \
    return;                             \
  }

#define DEFINE_EXTREME(NAME, OP)                                \
  static void NAME(lua_State *L, const mt_view *v) {            \
    switch (v->kind) {                                          \
      case MT_FLOAT32: PUSH_REAL_EXTREME(float, OP)             \
      case MT_FLOAT64: PUSH_REAL_EXTREME(double, OP)            \
      case MT_INT8: PUSH_INTEGER_EXTREME(int8_t, OP)            \
      case MT_INT16: PUSH_INTEGER_EXTREME(int16_t, OP)          \
      case MT_INT32: PUSH_INTEGER_EXTREME(int32_t, OP)          \
      case MT_INT64: PUSH_INTEGER_EXTREME(int64_t, OP)          \
      case MT_UINT8: PUSH_INTEGER_EXTREME(uint8_t, OP)          \
      case MT_UINT16: PUSH_INTEGER_EXTREME(uint16_t, OP)        \
      case MT_UINT32: PUSH_INTEGER_EXTREME(uint32_t, OP)        \
      case MT_UINT64: PUSH_UNSIGNED_EXTREME(uint64_t, OP)       \
      default: lua_pushnil(L);                                  \
    }                                                           \
  }

DEFINE_EXTREME(push_least, <)
DEFINE_EXTREME(push_greatest, >)

/* x:min() */
static int least(lua_State *L) {
  mt_view *v = numbers_at(L);
  if (v == NULL) return fall_back(L);
  push_least(L, v);
  return 1;
}

/* x:max() */
static int greatest(lua_State *L) {
  mt_view *v = numbers_at(L);
  if (v == NULL) return fall_back(L);
  push_greatest(L, v);
  return 1;
}

/* ---- map ---- */

typedef struct mapped {
  head head;
  double values[];
} mapped;

/* view function -> numbers 0 | value position | nil -1 */
static int map_protected(lua_State *L) {
  lua_settop(L, 2); /* debug.getinfo gives it away: a script may call it with anything */
  mt_view *v = view_at(L, 1);
  if (v == NULL || !is_readable(L, 1, v)) {
    lua_pushnil(L);
    lua_pushinteger(L, -1);
    return 2;
  }
  mapped *result = lua_newuserdatauv(L, sizeof *result + (size_t)v->count * sizeof(double), 0);
  memset(&result->head, 0, sizeof result->head);
  for (int64_t i = 0; i < v->count; i++) {
    if (!is_alive(v)) return luaL_error(L, "the samples were released");
    lua_pushvalue(L, 2);
    push_sample(L, v, i);
    lua_pushinteger(L, i + 1);
    lua_call(L, 2, 1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
      lua_pushinteger(L, i + 1);
      return 2;
    }
    result->values[i] = lua_tonumber(L, -1);
    lua_settop(L, 3);
  }
  lua_pushinteger(L, 0);
  return 2;
}

int mt_map(lua_State *L, int view, int function) {
  view = lua_absindex(L, view);
  function = lua_absindex(L, function);
  lua_pushcfunction(L, map_protected);
  lua_pushvalue(L, view);
  lua_pushvalue(L, function);
  return mt_pcall(L, 2, 2);
}

const double *mt_mapped(lua_State *L, int index) {
  const mapped *result = lua_touserdata(L, index);
  return result == NULL ? NULL : result->values;
}

/* ---- Parts of a whole ---- */

/* [-0, +1] a part as a view that keeps the whole at 1, or nil. */
static void push_held_part(lua_State *L, const whole *w, int64_t place) {
  mt_view described;
  memset(&described, 0, sizeof described);
  const mt_reader *reader = w->reader;
  mt_lua *S = mt_block(L);
  S->nofail++;
  const bool found = reader->describe(reader->context, w->object.object, place, &described);
  S->nofail--;
  if (!found) {
    lua_pushnil(L);
    return;
  }
  mt_view *v = lua_newuserdatauv(L, sizeof *v, VIEW_VALUES);
  *v = described;
  v->object = (mt_object){0};
  v->tag = &view_tag;
  v->owner = &w->object;
  v->reader = reader;
  v->place = place;
  v->runs = v->kind != MT_OPAQUE && v->run_count == 1 ? &v->own : NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, reader->part_reference);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, OWNER);
}

/* [-0, +1] a part of the whole at 1, the very one that was given before. */
static void push_part(lua_State *L, whole *w, int64_t place) {
  const bool is_kept = place < w->kept;
  if (is_kept) {
    if (lua_getiuservalue(L, 1, FIRST_PART + (int)place) == LUA_TUSERDATA) return;
    lua_pop(L, 1);
  }
  if (w->object.object == NULL) {
    lua_pushnil(L);
    return;
  }
  if (w->holds) {
    push_held_part(L, w, place);
  } else {
    mt_lua *S = mt_block(L);
    S->nofail++;
    w->reader->part(w->reader->context, w->object.object, place, L);
    S->nofail--;
  }
  if (is_kept && lua_type(L, -1) == LUA_TUSERDATA) {
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, FIRST_PART + (int)place);
  }
}

/* [-0, +0] the place of the name at 2 in the whole at 1, or what its table of names has for it otherwise; false: none. */
static bool find_name(lua_State *L, whole *w, lua_Integer *place) {
  if (!w->is_named) {
    if (w->object.object == NULL || w->reader->names == NULL) return false;
    mt_lua *S = mt_block(L);
    S->nofail++;
    w->reader->names(w->reader->context, w->object.object, L);
    S->nofail--;
    lua_setiuservalue(L, 1, NAMES);
    w->is_named = true;
  }
  bool found = false;
  if (lua_getiuservalue(L, 1, NAMES) == LUA_TTABLE) {
    lua_pushvalue(L, 2);
    found = lua_rawget(L, -2) == LUA_TNUMBER;
    *place = lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return found;
}

/* [-0, +1 | +0] the member with the name at 2 when it is a method, nil when there is none; else nothing, and false. */
static bool find_method(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(MT_METHODS)) != LUA_TNIL) return true;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(MT_GETTERS)) == LUA_TNIL) return true;
  lua_settop(L, 2);
  return false;
}

/* __index: parts by their names, except for those that a method or field has, then members. */
int mt_index_whole(lua_State *L) {
  whole *w = whole_at(L, 1);
  lua_Integer place;
  if (w == NULL || w->object.object == NULL || lua_type(L, 2) != LUA_TSTRING) return mt_read_member(L);
  if (!find_name(L, w, &place)) return find_method(L) ? 1 : mt_read_member(L);
  if (place < 0 || place >= w->count) return mt_read_member(L);
  push_part(L, w, place);
  return 1;
}

/* f:get(name) */
static int get_part(lua_State *L) {
  whole *w = whole_at(L, 1);
  lua_Integer place;
  if (w == NULL || w->object.object == NULL || lua_type(L, 2) != LUA_TSTRING) return fall_back(L);
  if (!find_name(L, w, &place)) {
    lua_pushnil(L);
    return 1;
  }
  if (place < 0) place = -1 - place;
  if (place < w->count)
    push_part(L, w, place);
  else
    lua_pushnil(L);
  return 1;
}

/* ---- For Swift ---- */

void mt_push_view(lua_State *L, int reference, mt_object object, const mt_reader *reader) {
  mt_view *v = lua_newuserdatauv(L, sizeof *v, VIEW_VALUES);
  memset(v, 0, sizeof *v);
  v->object = object;
  v->tag = &view_tag;
  v->owner = &v->object;
  v->reader = reader;
  v->place = -1;
  reader->describe(reader->context, object.object, -1, v);
  v->runs = v->kind != MT_OPAQUE && v->run_count == 1 ? &v->own : NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
  lua_setmetatable(L, -2);
  mt_charge_object(mt_block(L), &v->object);
}

void mt_push_whole(
  lua_State *L, int reference, mt_object object, const mt_reader *reader, int64_t count, bool holds) {
  const int64_t kept = count < MT_PARTS_KEPT ? count : MT_PARTS_KEPT;
  whole *w = lua_newuserdatauv(L, sizeof *w, FIRST_PART - 1 + (int)kept);
  memset(w, 0, sizeof *w);
  w->object = object;
  w->tag = &whole_tag;
  w->reader = reader;
  w->count = count;
  w->kept = kept;
  w->holds = holds;
  lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
  lua_setmetatable(L, -2);
  mt_charge_object(mt_block(L), &w->object);
}

void mt_push_quick(lua_State *L, int which) {
  static const lua_CFunction functions[] = {
    [MT_EACH] = each,  [MT_TIME] = time_of,  [MT_SUM] = sum,       [MT_MEAN] = mean,
    [MT_MIN] = least,  [MT_MAX] = greatest,  [MT_PART] = get_part,
  };
  mt_box_of_native(L);
  lua_pushcclosure(L, functions[which], 1);
}

void mt_set_quick_length(lua_State *L) {
  lua_getfield(L, -1, "__len");
  mt_box_of_native(L);
  lua_pushcclosure(L, length, 1);
  lua_setfield(L, -2, "__len");
}

void mt_push_part_class(lua_State *L) {
  lua_createtable(L, 0, 24);
  lua_pushnil(L);
  while (lua_next(L, -3) != 0) {
    if (strcmp(lua_tostring(L, -2), "__gc") == 0) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

mt_view *mt_to_part(lua_State *L, int index, const void *metatable) {
  mt_view *v = view_at(L, index);
  if (v == NULL || !lua_getmetatable(L, index)) return NULL;
  const bool is_part = lua_topointer(L, -1) == metatable;
  lua_pop(L, 1);
  return is_part ? v : NULL;
}

void *mt_part_object(lua_State *L, int index) {
  mt_object *o = lua_getiuservalue(L, index, OBJECT) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
  lua_pop(L, 1);
  return o == NULL ? NULL : o->object;
}

void mt_keep_part_object(lua_State *L, int index) { lua_setiuservalue(L, index, OBJECT); }
