/* What tests of fork() share: steps that a child counts, and the parent that looks how it ended. */
#ifndef ATH_TESTS_ENGINE_CHILD_H
#define ATH_TESTS_ENGINE_CHILD_H

#include "harness.h"

#include <sys/types.h>

/* In the child, where cmocka has no say: the number of the step that fails is its exit status. */
#define CHILD_CHECK(what) child_check(what, #what)

void child_check(bool ok, const char *what);
/* Runs the operation on the child's own runtime; it has to end well. */
void child_finish(struct world *own, struct ath_op *op);
/* In the parent: waits, and asserts that the child exited with 0. */
void assert_child_succeeds(pid_t pid);

#endif
