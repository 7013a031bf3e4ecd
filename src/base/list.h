/* Intrusive doubly linked list with a head node. */
#ifndef ATH_BASE_LIST_H
#define ATH_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct ath__node {
    struct ath__node *prev, *next;
};

#define ATH__CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void ath__list_init(struct ath__node *head) {
    head->prev = head->next = head;
}

static inline bool ath__list_is_empty(const struct ath__node *head) {
    return head->next == head;
}

static inline void ath__list_add(struct ath__node *head, struct ath__node *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Removing a node that is not linked (zeroed, or removed before) does nothing. */
static inline void ath__list_remove(struct ath__node *node) {
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

static inline bool ath__list_is_linked(const struct ath__node *node) {
    return node->next != NULL;
}

static inline struct ath__node *ath__list_pop(struct ath__node *head) {
    struct ath__node *node = head->next;
    if (node == head)
        return NULL;
    ath__list_remove(node);
    return node;
}

#endif
