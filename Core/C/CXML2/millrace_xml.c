#include "millrace_xml.h"
#include <libxml/HTMLparser.h>
#include <libxml/tree.h>
#include <limits.h>

static const xmlNode *in(const millrace_node *node) { return (const xmlNode *)node; }
static millrace_node *out(xmlNode *node) { return (millrace_node *)node; }

millrace_html *millrace_html_parse(const void *bytes, size_t count) {
  int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT;
  if (count > INT_MAX) return NULL;
  htmlParserCtxt *parser = htmlNewParserCtxt();
  if (parser == NULL) return NULL;
  htmlDocPtr document = htmlCtxtReadMemory(parser, bytes, (int)count, NULL, "UTF-8", options);
  // The parser stops silently where elements nest too deeply. A partial document must not be taken for a
  // whole one.
  if (parser->disableSAX && document != NULL) {
    xmlFreeDoc(document);
    document = NULL;
  }
  htmlFreeParserCtxt(parser);
  return (millrace_html *)document;
}

void millrace_html_free(millrace_html *document) { xmlFreeDoc((xmlDoc *)document); }

millrace_node *millrace_html_root(millrace_html *document) { return out(xmlDocGetRootElement((xmlDoc *)document)); }

int millrace_node_type(const millrace_node *node) {
  switch (in(node)->type) {
  case XML_ELEMENT_NODE: return MILLRACE_NODE_ELEMENT;
  case XML_TEXT_NODE:
  case XML_CDATA_SECTION_NODE: return MILLRACE_NODE_TEXT;
  default: return MILLRACE_NODE_OTHER;
  }
}

const char *millrace_node_name(const millrace_node *node) { return (const char *)in(node)->name; }
const char *millrace_node_content(const millrace_node *node) { return (const char *)in(node)->content; }

// The children of an entity reference belong to its declaration, so only the children of elements are
// returned.
millrace_node *millrace_node_child(const millrace_node *node) {
  return in(node)->type == XML_ELEMENT_NODE ? out(in(node)->children) : NULL;
}

millrace_node *millrace_node_next(const millrace_node *node) { return out(in(node)->next); }

millrace_node *millrace_node_parent(const millrace_node *node) {
  xmlNode *parent = in(node)->parent;
  return parent != NULL && parent->type == XML_ELEMENT_NODE ? out(parent) : NULL;
}
