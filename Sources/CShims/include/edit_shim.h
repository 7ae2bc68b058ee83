#ifndef MOONTIDE_EDIT_SHIM_H
#define MOONTIDE_EDIT_SHIM_H
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

// libedit's native API behind typed functions: el_wset and history_w are variadic, and FILE * is C's own.
//
// libedit edits (keys, key maps, ~/.editrc, kill ring, search) and moontide draws: libedit has no continuation
// prompt and loses count when text is taller than the screen, so what it would draw goes nowhere and the
// caller draws from moon_edit_line. Only the bell is kept, as a flag.

typedef struct moon_editor moon_editor;

// Keys that moontide answers itself. The names for ~/.editrc are "moontide-enter" and so on.
enum moon_edit_command {
  MOON_EDIT_ENTER,
  MOON_EDIT_NEWLINE,
  MOON_EDIT_UP,
  MOON_EDIT_DOWN,
  MOON_EDIT_OLDER,
  MOON_EDIT_NEWER,
  MOON_EDIT_HOME,
  MOON_EDIT_END,
  MOON_EDIT_SEARCH,
  MOON_EDIT_COMPLETE,
  MOON_EDIT_PASTE,
  MOON_EDIT_DELETE_OR_LEAVE,
  MOON_EDIT_SUSPEND,
  MOON_EDIT_CLEAR,
  MOON_EDIT_COMMANDS
};

typedef struct {
  void *context;
  // One character: 1 when *scalar was set, 0 at the end of input, -1 to give the line up.
  int (*next_scalar)(void *context, wchar_t *scalar);
  // Answers one of libedit's CC_ codes.
  unsigned char (*command)(void *context, enum moon_edit_command command, int key);
  // A history entry, 0 the newest; NUL-terminated, read before the next call; NULL past the oldest.
  const wchar_t *(*history)(void *context, int index);
} moon_edit_callbacks;

// NULL when input is not a terminal or memory is short.
moon_editor *moon_edit_open(const char *program, int input, moon_edit_callbacks callbacks);
// Puts the terminal back as it was found.
void moon_edit_close(moon_editor *editor);

// Reads one cell; returns when a command answered CC_NEWLINE or CC_EOF, or next_scalar gave up.
void moon_edit_read(moon_editor *editor);
// One character as libedit would read it, macros included; what next_scalar answers.
int moon_edit_next(moon_editor *editor, wchar_t *scalar);
// Keys to be read before the next ones.
void moon_edit_push(moon_editor *editor, const wchar_t *keys);

// The text being edited: its length in characters. *text is not terminated and dies with the next call.
size_t moon_edit_line(moon_editor *editor, const wchar_t **text, size_t *cursor);
// Replaces the text; cursor counts characters. 0 when memory is short.
int moon_edit_replace(moon_editor *editor, const wchar_t *text, size_t cursor);
void moon_edit_move(moon_editor *editor, size_t cursor);
// The characters before the cursor.
void moon_edit_delete(moon_editor *editor, int count);
int moon_edit_insert(moon_editor *editor, const wchar_t *text);

void moon_edit_bind(moon_editor *editor, const wchar_t *key, const wchar_t *command);
// The same for vi's command mode, and for a key that stands for others.
void moon_edit_bind_alternative(moon_editor *editor, const wchar_t *key, const wchar_t *command);
void moon_edit_bind_keys(moon_editor *editor, const wchar_t *key, const wchar_t *keys);
// Reads a file of bindings; NULL is $EDITRC or ~/.editrc. 0 when it was read.
int moon_edit_source(moon_editor *editor, const char *path);
int moon_edit_is_vi(moon_editor *editor);
// Whether libedit rang the bell since the last call.
int moon_edit_took_bell(moon_editor *editor);

// The terminal is the editor's from opening to closing: between cells signals work and nothing is echoed, so
// what is typed ahead shows once, at its prompt. Released, it is as it was found, for other programs.
void moon_edit_release_terminal(moon_editor *editor);
void moon_edit_take_terminal(moon_editor *editor);
void moon_edit_resized(moon_editor *editor);

// wcwidth, which Swift does not see: columns of a character in the locale of the process, -1 for none.
int moon_character_columns(uint32_t scalar);

// SIGWINCH and SIGCONT make a descriptor readable. Returns it, or -1. Installing twice is harmless.
int moon_signals_install(void);
enum { MOON_SIGNAL_RESIZED = 1, MOON_SIGNAL_RESUMED = 2 };
// What came since the last call; empties the descriptor.
int moon_signals_take(void);
// How long the process stood before it went on last, in nanoseconds; -1 when nobody knows (SIGSTOP).
int64_t moon_signals_stood(void);

#endif
