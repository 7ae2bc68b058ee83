#define _GNU_SOURCE
#include "edit_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct moon_editor {
  EditLine *line;
  FILE *output;
  moon_edit_callbacks callbacks;
  int input;
  int rang;
  int history_index;
  int released, reading;
  struct termios found;
};

// The terminal between two cells. A shell puts its own modes there when it lets a stopped process go on: they
// are set again at once, before anything that is typed ahead is echoed.
static struct termios terminal_held;
static atomic_int terminal_is_held = -1;

static void hold_terminal(int input) {
  terminal_is_held = -1;
  if (input >= 0 && tcgetattr(input, &terminal_held) == 0) terminal_is_held = input;
}

// The one terminal to be put back should the process leave by exit() in the middle of a line.
static struct termios terminal_found;
static int terminal_to_restore = -1;

static void restore_terminal(void) {
  if (terminal_to_restore >= 0) tcsetattr(terminal_to_restore, TCSADRAIN, &terminal_found);
}

static moon_editor *owner(EditLine *line) {
  void *data = NULL;
  el_get(line, EL_CLIENTDATA, &data);
  return data;
}

static ssize_t discard_drawing(void *cookie, const char *bytes, size_t count) {
  moon_editor *editor = cookie;
  if (memchr(bytes, '\a', count)) editor->rang = 1;
  return (ssize_t)count;
}

static int read_scalar(EditLine *line, wchar_t *scalar) {
  moon_editor *editor = owner(line);
  return editor->callbacks.next_scalar(editor->callbacks.context, scalar);
}

static wchar_t *no_prompt(EditLine *line) {
  (void)line;
  static wchar_t empty[] = L"";
  return empty;
}

#define COMMAND(name, id)                                                                       \
  static unsigned char name(EditLine *line, int key) {                                          \
    moon_editor *editor = owner(line);                                                          \
    return editor->callbacks.command(editor->callbacks.context, id, key);                       \
  }
COMMAND(enter, MOON_EDIT_ENTER)
COMMAND(newline, MOON_EDIT_NEWLINE)
COMMAND(up, MOON_EDIT_UP)
COMMAND(down, MOON_EDIT_DOWN)
COMMAND(older, MOON_EDIT_OLDER)
COMMAND(newer, MOON_EDIT_NEWER)
COMMAND(home, MOON_EDIT_HOME)
COMMAND(end, MOON_EDIT_END)
COMMAND(search, MOON_EDIT_SEARCH)
COMMAND(complete, MOON_EDIT_COMPLETE)
COMMAND(paste, MOON_EDIT_PASTE)
COMMAND(delete_or_leave, MOON_EDIT_DELETE_OR_LEAVE)
COMMAND(suspend, MOON_EDIT_SUSPEND)
COMMAND(clear, MOON_EDIT_CLEAR)

static const struct {
  const wchar_t *name, *help;
  unsigned char (*function)(EditLine *, int);
} commands[MOON_EDIT_COMMANDS] = {
    {L"moontide-enter", L"Run the cell when it is complete, else go on", enter},
    {L"moontide-newline", L"Begin a new line of the cell", newline},
    {L"moontide-up", L"Line above, then older cells with the same beginning", up},
    {L"moontide-down", L"Line below, then newer cells with the same beginning", down},
    {L"moontide-older", L"Older cell with the same beginning", older},
    {L"moontide-newer", L"Newer cell with the same beginning", newer},
    {L"moontide-home", L"Beginning of the line, then of the cell", home},
    {L"moontide-end", L"End of the line, then of the cell", end},
    {L"moontide-search", L"Search the history as you type", search},
    {L"moontide-complete", L"Complete the word", complete},
    {L"moontide-paste", L"Take a bracketed paste", paste},
    {L"moontide-delete-or-leave", L"Delete a character, or leave when there is none", delete_or_leave},
    {L"moontide-suspend", L"Suspend", suspend},
    {L"moontide-clear", L"Clear the screen", clear},
};

// libedit's own history functions (vi's j, k and /, em-inc-search-prev) walk the caller's history.
static int walk_history(void *context, HistEventW *event, int operation, ...) {
  moon_editor *editor = context;
  int index = editor->history_index;
  switch (operation) {
    case H_FIRST: index = 0; break;
    case H_NEXT: index += 1; break;
    case H_PREV: index -= 1; break;
    case H_CURR: break;
    case H_LAST:
      while (editor->callbacks.history(editor->callbacks.context, index + 1)) index += 1;
      break;
    case H_SET: {
      va_list arguments;
      va_start(arguments, operation);
      index = va_arg(arguments, int) - 1;
      va_end(arguments);
      break;
    }
    default: return -1;
  }
  const wchar_t *text = index < 0 ? NULL : editor->callbacks.history(editor->callbacks.context, index);
  if (!text) return -1;
  editor->history_index = index;
  event->num = index + 1;
  event->str = text;
  return 0;
}

moon_editor *moon_edit_open(const char *program, int input, moon_edit_callbacks callbacks) {
  moon_editor *editor = calloc(1, sizeof *editor);
  if (!editor) return NULL;
  editor->callbacks = callbacks;
  editor->input = input;
  cookie_io_functions_t functions = {.write = discard_drawing};
  if (tcgetattr(input, &editor->found) != 0 || !(editor->output = fopencookie(editor, "w", functions))) {
    free(editor);
    return NULL;
  }
  editor->line = el_init_fd(program, stdin, editor->output, editor->output, input, input, input);
  if (!editor->line) {
    fclose(editor->output);
    free(editor);
    return NULL;
  }
  if (terminal_to_restore < 0) {
    static int registered;
    if (!registered) registered = atexit(restore_terminal) == 0;
    terminal_found = editor->found;
    terminal_to_restore = input;
  }
  EditLine *line = editor->line;
  el_wset(line, EL_CLIENTDATA, editor);
  el_wset(line, EL_SIGNAL, 0);
  el_wset(line, EL_EDITOR, L"emacs");
  el_wset(line, EL_PROMPT, no_prompt);
  el_wset(line, EL_GETCFN, read_scalar);
  el_wset(line, EL_HIST, walk_history, editor);
  // Ctrl-Z has to arrive as a key: the terminal must be put back before the process stops.
  el_wset(line, EL_SETTY, L"-d", L"susp=", NULL);
  // While a cell runs Ctrl-B is a signal, since nobody reads keys then, and no signal drops what is typed ahead.
  el_wset(line, EL_SETTY, L"-x", L"-echo", L"-icanon", L"+noflsh", L"quit=^B", NULL);
  for (int i = 0; i < MOON_EDIT_COMMANDS; i++)
    el_wset(line, EL_ADDFN, commands[i].name, commands[i].help, commands[i].function);
  moon_edit_take_terminal(editor);
  return editor;
}

void moon_edit_close(moon_editor *editor) {
  hold_terminal(-1);
  el_end(editor->line);
  fclose(editor->output);
  tcsetattr(editor->input, TCSADRAIN, &editor->found);
  if (terminal_to_restore == editor->input) terminal_to_restore = -1;
  free(editor);
}

void moon_edit_read(moon_editor *editor) {
  int count = 0;
  editor->history_index = 0;
  editor->reading = 1;
  hold_terminal(-1);
  el_wgets(editor->line, &count);
  editor->reading = 0;
  hold_terminal(editor->input);
}

int moon_edit_next(moon_editor *editor, wchar_t *scalar) { return el_wgetc(editor->line, scalar); }

void moon_edit_push(moon_editor *editor, const wchar_t *keys) { el_wpush(editor->line, keys); }

size_t moon_edit_line(moon_editor *editor, const wchar_t **text, size_t *cursor) {
  const LineInfoW *line = el_wline(editor->line);
  *text = line->buffer;
  *cursor = (size_t)(line->cursor - line->buffer);
  return (size_t)(line->lastchar - line->buffer);
}

void moon_edit_move(moon_editor *editor, size_t cursor) {
  const LineInfoW *line = el_wline(editor->line);
  el_cursor(editor->line, (int)cursor - (int)(line->cursor - line->buffer));
}

void moon_edit_delete(moon_editor *editor, int count) { el_deletestr(editor->line, count); }

int moon_edit_replace(moon_editor *editor, const wchar_t *text, size_t cursor) {
  if (*text == 0) {  // libedit refuses an empty text here
    const LineInfoW *line = el_wline(editor->line);
    int length = (int)(line->lastchar - line->buffer);
    moon_edit_move(editor, (size_t)length);
    el_deletestr(editor->line, length);
    return 1;
  }
  if (el_wreplacestr(editor->line, text) != 0) return 0;
  moon_edit_move(editor, cursor);
  return 1;
}

int moon_edit_insert(moon_editor *editor, const wchar_t *text) {
  return *text == 0 || el_winsertstr(editor->line, text) == 0;
}

void moon_edit_bind(moon_editor *editor, const wchar_t *key, const wchar_t *command) {
  el_wset(editor->line, EL_BIND, key, command, NULL);
}

void moon_edit_bind_alternative(moon_editor *editor, const wchar_t *key, const wchar_t *command) {
  el_wset(editor->line, EL_BIND, L"-a", key, command, NULL);
}

void moon_edit_bind_keys(moon_editor *editor, const wchar_t *key, const wchar_t *keys) {
  el_wset(editor->line, EL_BIND, L"-s", key, keys, NULL);
}

int moon_edit_source(moon_editor *editor, const char *path) { return el_source(editor->line, path); }

int moon_edit_is_vi(moon_editor *editor) {
  const wchar_t *name = NULL;
  return el_wget(editor->line, EL_EDITOR, &name) == 0 && name && wcscmp(name, L"vi") == 0;
}

int moon_edit_took_bell(moon_editor *editor) {
  int rang = editor->rang;
  editor->rang = 0;
  return rang;
}

void moon_edit_release_terminal(moon_editor *editor) {
  if (editor->released) return;
  hold_terminal(-1);
  tcsetattr(editor->input, TCSADRAIN, &editor->found);
  editor->released = 1;
}

void moon_edit_take_terminal(moon_editor *editor) {
  // Another program may have changed the terminal on purpose; one that stopped us has not.
  if (editor->released) tcgetattr(editor->input, &editor->found);
  editor->released = 0;
  // libedit skips a change that it believes to be made: out of its mode and in again.
  el_wset(editor->line, EL_PREP_TERM, 1);
  el_wset(editor->line, EL_PREP_TERM, 0);
  if (editor->reading) {
    el_wset(editor->line, EL_PREP_TERM, 1);
  } else {
    hold_terminal(editor->input);
  }
}

void moon_edit_resized(moon_editor *editor) { el_resize(editor->line); }

int moon_character_columns(uint32_t scalar) { return wcwidth((wchar_t)scalar); }

static int signal_pipe[2] = {-1, -1};
static atomic_int signals_seen;

static atomic_llong stopped_at, stood = -1;

static long long monotonic_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// Stops as if there were no handler, and remembers when.
static void stop(int number) {
  int saved = errno;
  atomic_store(&stopped_at, monotonic_ns());
  struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
  sigaction(number, &standard, &ours);
  sigset_t this, before;
  sigemptyset(&this);
  sigaddset(&this, number);
  pthread_sigmask(SIG_UNBLOCK, &this, &before);
  raise(number);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  sigaction(number, &ours, NULL);
  errno = saved;
}

static void note_signal(int number) {
  int saved = errno;
  if (number == SIGCONT) {
    long long since = atomic_exchange(&stopped_at, 0);
    atomic_store(&stood, since > 0 ? monotonic_ns() - since : -1);
    int held = terminal_is_held;
    if (held >= 0 && tcgetpgrp(held) == getpgrp()) tcsetattr(held, TCSANOW, &terminal_held);
  }
  atomic_fetch_or(&signals_seen, number == SIGWINCH ? MOON_SIGNAL_RESIZED : MOON_SIGNAL_RESUMED);
  ssize_t written = write(signal_pipe[1], "", 1);
  (void)written;  // a full pipe is readable, which is all that is wanted
  errno = saved;
}

int moon_signals_install(void) {
  if (signal_pipe[0] >= 0) return signal_pipe[0];
  if (pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
  struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, NULL);
  sigaction(SIGCONT, &action, NULL);
  struct sigaction found;
  sigaction(SIGTSTP, NULL, &found);
  if (found.sa_handler == SIG_DFL) {
    action.sa_handler = stop;
    sigaction(SIGTSTP, &action, NULL);
  }
  return signal_pipe[0];
}

int64_t moon_signals_stood(void) { return atomic_load(&stood); }

int moon_signals_take(void) {
  char bytes[64];
  while (signal_pipe[0] >= 0 && read(signal_pipe[0], bytes, sizeof bytes) > 0) {
  }
  return atomic_exchange(&signals_seen, 0);
}
