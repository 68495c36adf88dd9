#include "steps/ops.h"

static const StepOps *const table[] = {
    [STEP_TABLE_CREATE] = &step_table_create,
    [STEP_COLUMN_ADD] = &step_column_add,
    [STEP_COLUMN_DROP] = &step_column_drop,
    [STEP_COLUMN_SET_DEFAULT] = &step_column_set_default,
    [STEP_COLUMN_DROP_DEFAULT] = &step_column_drop_default,
    [STEP_COLUMN_DROP_NOT_NULL] = &step_column_drop_not_null,
    [STEP_COLUMN_SET_NOT_NULL] = &step_column_set_not_null,
    [STEP_CHECK_ADD_NOT_VALID] = &step_check_add_not_valid,
    [STEP_CHECK_VALIDATE] = &step_check_validate,
    [STEP_FOREIGN_KEY_ADD_NOT_VALID] = &step_foreign_key_add_not_valid,
    [STEP_FOREIGN_KEY_VALIDATE] = &step_foreign_key_validate,
    [STEP_CONSTRAINT_ADD] = &step_constraint_add,
    [STEP_INDEX_CREATE] = &step_index_create,
    [STEP_INDEX_DROP] = &step_index_drop,
    [STEP_INDEX_REINDEX] = &step_index_reindex,
    [STEP_BACKFILL_UPDATE] = &step_backfill,
    [STEP_BACKFILL_DELETE] = &step_backfill,
    [STEP_BACKFILL_INSERT] = &step_backfill,
    [STEP_DML_ONCE] = &step_backfill,
    [STEP_OPAQUE_RUN] = &step_opaque_run,
    [STEP_DDL_RUN] = &step_ddl_run,
    [STEP_DDL_FINAL] = &step_ddl_final,
    [STEP_PARTITION_DETACH] = &step_partition_detach,
    [STEP_VERSION_VERIFY] = &step_version_verify,
    [STEP_VERSION_END] = &step_version_end,
    [STEP_REWRITE_PREPARE] = &step_rewrite_prepare,
    [STEP_REWRITE_CAPTURE] = &step_rewrite_capture,
    [STEP_REWRITE_COPY] = &step_rewrite_copy,
    [STEP_REWRITE_INDEX] = &step_rewrite_index,
    [STEP_REWRITE_CATCH_UP] = &step_rewrite_catch_up,
    [STEP_REWRITE_VERIFY] = &step_rewrite_verify,
    [STEP_REWRITE_SWAP] = &step_rewrite_swap,
    [STEP_REWRITE_DROP] = &step_rewrite_drop,
};
G_STATIC_ASSERT(G_N_ELEMENTS(table) == STEP_N_KINDS);

const StepOps *
ops_of(StepKind kind)
{
    return table[kind];
}
