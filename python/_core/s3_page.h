/* Pages of listings into tuples. */
#ifndef CORE_S3_PAGE_H
#define CORE_S3_PAGE_H

#include "state.h"

/* A text of S3's. A key that is not UTF-8 gets lone surrogates, so that it cannot be sent as that
 * of another. */
PyObject *core_s3_decode(struct ath_slice text);

/* The entries of a page as a list of (type, key, size, etag, last_modified, storage_class,
 * version_id, is_latest, part_number, upload_id, owner_id, owner_name); NULL with an exception. */
PyObject *core_page_entries(const struct ath_s3_page *page);

#endif
