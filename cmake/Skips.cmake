# What cannot run on a machine must neither pass nor hide what failed beside it. CTest takes SKIP_REGULAR_EXPRESSION for more than an
# exit status, so each pattern is one that only a run without failures prints: the end of unittest, of gtest with skipped tests, and of
# gtest where a whole engine is missing. A program of ours that cannot run at all leaves with 77. tests/docs/skips_test.py has the proof.
set(KELP_SKIPPED "OK \\(skipped=" "NO TESTS RAN \\(skipped=" "\\[  SKIPPED \\] [^\n]*\n*$"
    "SKIPPED:.*\\[  PASSED  \\] [0-9]+ tests?\\.\n*$")

# kelp_may_skip(TEST...): for every test that is added.
function(kelp_may_skip)
  set_tests_properties(${ARGN} PROPERTIES SKIP_REGULAR_EXPRESSION "${KELP_SKIPPED}" SKIP_RETURN_CODE 77)
endfunction()
