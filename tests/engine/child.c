#include "child.h"

#include <sys/wait.h>
#include <unistd.h>

void child_check(bool ok, const char *what) {
    static int step;
    step++;
    if (ok)
        return;
    fprintf(stderr, "child: step %d: %s\n", step, what);
    _exit(step);
}

void child_finish(struct world *own, struct ath_op *op) {
    for (int i = 0; i < 10000 && !ath_op_is_done(op); i++)
        ath__driver_run(own->runtime, UINT64_MAX);
    CHILD_CHECK(ath_op_is_done(op) && ath_op_error(op, NULL) == 0);
}

void assert_child_succeeds(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
