#include "millrace_gumbo.h"
#include <gumbo.h>
#include <string.h>

static const GumboNode *in(const millrace_html_node *node) { return (const GumboNode *)node; }
static const millrace_html_node *out(const GumboNode *node) { return (const millrace_html_node *)node; }

millrace_html *millrace_html_parse(const char *bytes, size_t count) {
  GumboOptions options = kGumboDefaultOptions;
  options.max_errors = 0;
  return (millrace_html *)gumbo_parse_with_options(&options, bytes, count);
}

void millrace_html_free(millrace_html *document) {
  gumbo_destroy_output(&kGumboDefaultOptions, (GumboOutput *)document);
}

const millrace_html_node *millrace_html_root(const millrace_html *document) {
  return out(((const GumboOutput *)document)->root);
}

int millrace_html_type(const millrace_html_node *node) {
  switch (in(node)->type) {
  case GUMBO_NODE_ELEMENT: return MILLRACE_HTML_ELEMENT;
  case GUMBO_NODE_TEXT:
  case GUMBO_NODE_WHITESPACE:
  case GUMBO_NODE_CDATA: return MILLRACE_HTML_TEXT;
  default: return MILLRACE_HTML_OTHER;
  }
}

const char *millrace_html_name(const millrace_html_node *node, size_t *count) {
  const GumboElement *element = &in(node)->v.element;
  const char *name = gumbo_normalized_tagname(element->tag);
  if (element->tag == GUMBO_TAG_UNKNOWN || name == NULL || *name == 0) {
    GumboStringPiece piece = element->original_tag;
    gumbo_tag_from_original_text(&piece);
    *count = piece.data ? piece.length : 0;
    return piece.data ? piece.data : "";
  }
  *count = strlen(name);
  return name;
}

const char *millrace_html_text(const millrace_html_node *node) { return in(node)->v.text.text; }

const char *millrace_html_attribute(const millrace_html_node *node, const char *name) {
  if (in(node)->type != GUMBO_NODE_ELEMENT) return NULL;
  const GumboAttribute *attribute = gumbo_get_attribute(&in(node)->v.element.attributes, name);
  return attribute ? attribute->value : NULL;
}

const millrace_html_node *millrace_html_child(const millrace_html_node *node) {
  if (in(node)->type != GUMBO_NODE_ELEMENT && in(node)->type != GUMBO_NODE_TEMPLATE) return NULL;
  const GumboVector *children = &in(node)->v.element.children;
  return children->length ? out(children->data[0]) : NULL;
}

const millrace_html_node *millrace_html_next(const millrace_html_node *node) {
  const GumboNode *parent = in(node)->parent;
  if (!parent || (parent->type != GUMBO_NODE_ELEMENT && parent->type != GUMBO_NODE_TEMPLATE)) return NULL;
  const GumboVector *children = &parent->v.element.children;
  size_t next = in(node)->index_within_parent + 1;
  return next < children->length ? out(children->data[next]) : NULL;
}

const millrace_html_node *millrace_html_parent(const millrace_html_node *node) {
  const GumboNode *parent = in(node)->parent;
  return parent && parent->type != GUMBO_NODE_DOCUMENT ? out(parent) : NULL;
}
