#ifndef MOONTIDE_LUA_VIEW_H
#define MOONTIDE_LUA_VIEW_H
#include "lua_shim.h"

#pragma clang assume_nonnull begin

/*
** Native objects that C reads without Swift: rows of samples (views), and wholes that are made of named rows.
**
** A view knows where its samples lie: they never change and stay as long as its owner's Swift object does. The owner is
** the view itself, or the whole that it is a part of; a part has neither a Swift object nor a finalizer of its own, until a
** method written in Swift asks for one.
*/

/* What samples are; MT_OPAQUE only Swift can read. */
enum {
  MT_OPAQUE, MT_FLOAT32, MT_FLOAT64, MT_INT8, MT_INT16, MT_INT32, MT_INT64, MT_UINT8, MT_UINT16, MT_UINT32, MT_UINT64,
  MT_BOOL
};

/* More runs than this are looked up by Swift: their table would take more than a megabyte. */
enum { MT_RUNS_MAX = 1 << 14 };
/* Parts that a whole remembers, the first ones; the others are made anew each time. */
enum { MT_PARTS_KEPT = 1 << 12 };

/* Samples side by side in memory, and when they were taken. */
typedef struct mt_run {
  const void *_Nullable samples;    /* the one at `begin` */
  int64_t begin, end;               /* positions within the view */
  const int64_t *_Nullable stamps;  /* a time for each, from `begin` on; or */
  int64_t start, units, per;        /* `units` every `per` samples, when per > 0, */
  int64_t phase;                    /* the one at `begin` so many samples behind `start` */
} mt_run;

typedef struct mt_view mt_view;

/* What Swift answers about the objects of a class. It outlives them. */
typedef struct mt_reader {
  void *context;
  /* Kind, count and number of runs of an object or of one of its parts, and the run where it is one; false: none such. */
  bool (*describe)(void *context, void *object, int64_t place, mt_view *view);
  /* Fills in at most `count` runs and returns how many there are. */
  int32_t (*runs)(void *context, void *object, int64_t place, mt_run *runs, int32_t count);
  /* [-0, +1] a table from the names of its parts to their places; -1 - place for names that belong to the class. */
  void (*_Nullable names)(void *context, void *object, lua_State *L);
  /* [-0, +1] a part as an object of its own, or nil. */
  void (*_Nullable part)(void *context, void *object, int64_t place, lua_State *L);
  int part_reference; /* the registry's: metatable of parts */
} mt_reader;

struct mt_view {
  mt_object object; /* of a part: none */
  const void *tag;
  const mt_object *_Nullable owner;
  const mt_reader *reader;
  int64_t place; /* within the owner */
  int64_t count;
  const mt_run *_Nullable runs; /* NULL: nobody has looked yet */
  int32_t run_count, recent;
  int32_t kind;
  mt_run own; /* the run where it is one */
};

/* How an object's members are read. */
enum { MT_PLAIN, MT_SAMPLES, MT_PARTS };

/* Methods that C answers where it can. */
enum { MT_EACH, MT_TIME, MT_SUM, MT_MEAN, MT_MIN, MT_MAX, MT_PART };

/* [-0, +1] an object whose samples C reads; of the class whose metatable is the registry's `reference`. */
void mt_push_view(lua_State *L, int reference, mt_object object, const mt_reader *reader);
/*
** [-0, +1] an object with so many parts. `holds`: parts keep it alive, and that is all there is to them; otherwise each is
** an object of its own.
*/
void mt_push_whole(
  lua_State *L, int reference, mt_object object, const mt_reader *reader, int64_t count, bool holds);
/* [-1, +1] function made by mt_push_native -> one that C answers where it can. */
void mt_push_quick(lua_State *L, int which);
/* [-0, +0] the metatable on top, of a class of views, gets the length that C tells; the function below falls back. */
void mt_set_quick_length(lua_State *L);
/* [-0, +1] the metatable of parts: what the one on top has, but no finalizer. */
void mt_push_part_class(lua_State *L);

/* The view at index when its metatable is this very one. */
mt_view *_Nullable mt_to_part(lua_State *L, int index, const void *metatable);
/* [-0, +0] the Swift object of a part, when somebody has asked for it before. */
void *_Nullable mt_part_object(lua_State *L, int index);
/* [-1, +0] takes the object that stands for the part at index. */
void mt_keep_part_object(lua_State *L, int index);

/*
** [-0, +2 | +1] calls the function at `function` for each sample of the view at `view`; a Lua status. Pushes the numbers
** (see mt_mapped) and the position of the first sample for which there was none, 0; below that is what there was instead.
** Nil and -1 when C cannot read the view.
*/
int mt_map(lua_State *L, int view, int function);
const double *_Nullable mt_mapped(lua_State *L, int index);

#pragma clang assume_nonnull end
#endif
