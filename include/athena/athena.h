/*
 * libathena: an asynchronous Amazon Athena client. This header includes all others; each is the
 * manual of its noun.
 *
 *     client  who we are and where we talk to          athena/client.h
 *     queue   completions, operations                  athena/queue.h
 *     query   start, follow, cancel, catalogue         athena/query.h
 *     result  columns, batches, Arrow                  athena/result.h
 *     s3      S3 calls and transfers                   athena/s3.h
 *     error   codes and the error record               athena/error.h
 *     log     log records                              athena/log.h
 *
 * examples/query.c is a whole program.
 */
#ifndef ATHENA_ATHENA_H
#define ATHENA_ATHENA_H

#include <athena/base.h>
#include <athena/client.h>
#include <athena/error.h>
#include <athena/log.h>
#include <athena/query.h>
#include <athena/queue.h>
#include <athena/result.h>
#include <athena/s3.h>

#endif
