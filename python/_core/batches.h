/*
 * pyathena._core.Batches: the result of one query kept as columns, for frames and tables. Exports
 * the Arrow PyCapsule interface
 * (arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html).
 */
#ifndef CORE_BATCHES_H
#define CORE_BATCHES_H

#include "state.h"

extern PyType_Spec core_batches_spec;

#endif
