"""Jupyter's own test suite of kernels against the kernel named moontide."""
import unittest

import jupyter_kernel_test


class MoontideKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "moontide"
    language_name = "lua"
    file_extension = ".lua"
    code_hello_world = "print('hello, world')"
    code_stderr = "io.stderr:write('oops\\n')"
    completion_samples = [
        {"text": "str", "matches": {"string"}},
        {"text": "string.for", "matches": {"format"}},
        {"text": "x = coroutine.isy", "matches": {"isyieldable"}},
    ]
    complete_code_samples = ["x = 1", "for i = 1, 2 do print(i) end", "1 + 1", "sleep?", ""]
    incomplete_code_samples = ["for i = 1, 2 do", "f(", "x = [["]
    invalid_code_samples = ["x = = 1", "end"]
    code_page_something = "sleep?"
    code_generate_error = "error('no')"
    code_execute_result = [
        {"code": "1+2", "result": "3"},
        {"code": "'a' .. 'b'", "result": "ab"},
        {"code": "1, nil", "result": "1, nil"},
    ]
    code_display_data = [
        {
            "code": "p = bela.connect('sim'):streamer{ 'pot1' }:start():collect(200):plot()",
            "mime": "image/svg+xml",
        }
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "sleep"
    code_clear_output = "notebook.clear_output()"


if __name__ == "__main__":
    unittest.main(verbosity=2)
