#include "encoder_common.h"
#include "encoder_team.h"
#include <stdlib.h>

/// The number of rows that go through a layer's last three products together, so that the widest values between them
/// stay in the L2 cache.
enum { BLOCK_ROWS = 112 };

#if defined(__x86_64__)
static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
         __builtin_cpu_supports("avx512bf16");
}
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif

static const struct kernels *kernels_of(int set) {
#if defined(__x86_64__)
  if (set == MILLRACE_SET_AVX512) return has_avx512() ? &millrace_kernels_avx512 : NULL;
  if (set == MILLRACE_SET_AVX2) return has_avx2() ? &millrace_kernels_avx2 : NULL;
#endif
  return set == MILLRACE_SET_PORTABLE ? &millrace_kernels_portable : NULL;
}

int millrace_encoder_has(int set) { return kernels_of(set) != NULL; }

int millrace_class_is_supported(int set, int numeric_class) {
  const struct kernels *use = kernels_of(set);
  return use && (numeric_class != MILLRACE_CLASS_BF16 || use->has_bf16 || set == MILLRACE_SET_PORTABLE);
}

static void *aligned(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64); }

static uint16_t bf16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// The bytes of one value as an operand of a product.
static size_t operand_bytes(const struct kernels *use, int numeric_class) {
  return numeric_class == MILLRACE_CLASS_FP32 ? 4 : numeric_class == MILLRACE_CLASS_BF16 ? 2 : use->int8_bytes;
}

static void unpack(struct millrace_linear *linear) {
  free(linear->panels);
  free(linear->bias);
  free(linear->scales);
  free(linear->shifts);
}

/// Packs up to three matrices of equal size as one, their outputs one after another.
static int pack(struct millrace_linear *linear, const struct kernels *use, int numeric_class,
                const float *const *weights, const float *const *biases, size_t count, size_t outputs, size_t inputs) {
  linear->numeric_class = numeric_class;
  linear->outputs = count * outputs;
  linear->inputs = inputs;
  linear->words = inputs * operand_bytes(use, numeric_class) / 4;
  linear->panels = aligned(linear->outputs * linear->words * 4);
  linear->bias = aligned(linear->outputs * 4);
  linear->scales = aligned(linear->outputs * 4);
  linear->shifts = aligned(linear->outputs * 4);
  if (!linear->panels || !linear->bias || !linear->scales || !linear->shifts) return 0;
  for (size_t output = 0; output < linear->outputs; output++) {
    const float *row = weights[output / outputs] + output % outputs * inputs;
    float greatest = 0;
    for (size_t i = 0; i < inputs; i++) greatest = fmaxf(greatest, fabsf(row[i]));
    float scale = greatest / 127;
    int sum = 0;
    uint32_t *to = linear->panels + output / use->panel * linear->words * use->panel + output % use->panel;
    for (size_t k = 0; k < linear->words; k++) {
      uint32_t word = 0;
      if (numeric_class == MILLRACE_CLASS_FP32) {
        memcpy(&word, row + k, 4);
      } else if (numeric_class == MILLRACE_CLASS_BF16) {
        word = bf16_of(row[2 * k]) | (uint32_t)bf16_of(row[2 * k + 1]) << 16;
      } else {
        size_t values = 4 / use->int8_bytes, bits = 8 * use->int8_bytes;
        for (size_t i = 0; i < values; i++) {
          int value = scale > 0 ? (int)lrintf(row[values * k + i] / scale) : 0;
          sum += value;
          word |= ((uint32_t)value & (uint32_t)((1 << bits) - 1)) << bits * i;
        }
      }
      to[k * use->panel] = word;
    }
    linear->bias[output] = biases[output / outputs][output % outputs];
    linear->scales[output] = scale;
    linear->shifts[output] = use->int8_bytes == 1 ? 128 * sum : 0;
  }
  return 1;
}

struct block {
  struct millrace_linear projections, attention_output, intermediate, output;
  /// Gamma and beta of both norms, `width` each.
  float *norms;
};

struct millrace_model {
  const struct kernels *use;
  int numeric_class;
  struct millrace_encoder_shape shape;
  const float *words;
  size_t word_count, position_count;
  /// The position embeddings with the type embedding added; gamma and beta of the norm that follows.
  float *positions, *norm;
  size_t layer_count;
  struct block *layers;
};

/// The buffers of one thread. Threads that share a pack use the first thread's `values`, `operands`, `scales`,
/// `projected` and `context`, and also its `inner` when they divide outputs.
struct lane {
  /// tokens × width, fp32
  float *values;
  /// The values as operands of the next product, and the scale of each row (int8).
  void *operands;
  float *scales;
  /// `projected` is tokens × 3 × width, `context` is tokens × width; fp32 or bf16
  void *projected, *context;
  /// `inner` is BLOCK_ROWS × inner, fp32 or bf16; `quantised` is the input of a product as int8, with a scale per row
  void *inner, *quantised;
  float *quantised_scales;
  uint32_t *attention;
};

struct millrace_scratch {
  size_t tokens_max, length_max, bytes, threads;
  struct lane *lanes;
  struct team *team;
};

struct millrace_model *millrace_model_create(int set, int numeric_class, struct millrace_encoder_shape shape, const float *words,
                                             size_t word_count, const float *positions, size_t position_count,
                                             const float *type, const float *gamma, const float *beta) {
  if (!millrace_class_is_supported(set, numeric_class)) return NULL;
  struct millrace_model *model = calloc(1, sizeof *model);
  if (!model) return NULL;
  model->use = kernels_of(set);
  model->numeric_class = numeric_class;
  model->shape = shape;
  model->words = words;
  model->word_count = word_count;
  model->position_count = position_count;
  model->positions = aligned(position_count * shape.width * 4);
  model->norm = aligned(2 * shape.width * 4);
  model->layers = calloc(shape.layers + 1, sizeof *model->layers);
  if (!model->positions || !model->norm || !model->layers) {
    millrace_model_free(model);
    return NULL;
  }
  for (size_t i = 0; i < position_count * shape.width; i++) {
    model->positions[i] = positions[i] + type[i % shape.width];
  }
  memcpy(model->norm, gamma, shape.width * 4);
  memcpy(model->norm + shape.width, beta, shape.width * 4);
  return model;
}

int millrace_model_add(struct millrace_model *model, const struct millrace_layer *layer) {
  if (model->layer_count == model->shape.layers) return 0;
  struct block *block = model->layers + model->layer_count++;
  size_t width = model->shape.width, inner = model->shape.inner;
  int numeric_class = model->numeric_class;
  const struct kernels *use = model->use;
  const float *weights[] = {layer->query, layer->key, layer->value};
  const float *biases[] = {layer->query_bias, layer->key_bias, layer->value_bias};
  block->norms = aligned(4 * width * 4);
  if (!block->norms || !pack(&block->projections, use, numeric_class, weights, biases, 3, width, width) ||
      !pack(&block->attention_output, use, numeric_class, &layer->attention_output, &layer->attention_output_bias, 1,
            width, width) ||
      !pack(&block->intermediate, use, numeric_class, &layer->intermediate, &layer->intermediate_bias, 1, inner,
            width) ||
      !pack(&block->output, use, numeric_class, &layer->output, &layer->output_bias, 1, width, inner)) {
    return 0;
  }
  const float *norms[] = {layer->attention_gamma, layer->attention_beta, layer->output_gamma, layer->output_beta};
  for (size_t i = 0; i < 4; i++) memcpy(block->norms + i * width, norms[i], width * 4);
  return 1;
}

void millrace_model_free(struct millrace_model *model) {
  if (!model) return;
  for (size_t i = 0; model->layers && i < model->layer_count; i++) {
    struct block *block = model->layers + i;
    unpack(&block->projections);
    unpack(&block->attention_output);
    unpack(&block->intermediate);
    unpack(&block->output);
    free(block->norms);
  }
  free(model->layers);
  free(model->positions);
  free(model->norm);
  free(model);
}

size_t millrace_model_bytes(const struct millrace_model *model) {
  size_t width = model->shape.width, inner = model->shape.inner;
  size_t values = 4 * width * width + 2 * inner * width;
  return model->layer_count * values * operand_bytes(model->use, model->numeric_class) +
         model->position_count * width * 4;
}

static void release(struct lane *lane) {
  free(lane->values);
  free(lane->operands);
  free(lane->scales);
  free(lane->projected);
  free(lane->context);
  free(lane->inner);
  free(lane->quantised);
  free(lane->quantised_scales);
  free(lane->attention);
}

struct millrace_scratch *millrace_scratch_create(const struct millrace_model *model, size_t tokens_max,
                                                 size_t length_max, size_t threads) {
  struct millrace_scratch *scratch = calloc(1, sizeof *scratch);
  if (!scratch) return NULL;
  scratch->tokens_max = tokens_max;
  scratch->length_max = length_max;
  scratch->threads = threads;
  scratch->lanes = calloc(threads, sizeof *scratch->lanes);
  if (!scratch->lanes || (threads > 1 && !(scratch->team = team_create(threads)))) {
    millrace_scratch_free(scratch);
    return NULL;
  }
  size_t width = model->shape.width, inner = model->shape.inner, head = model->shape.head_width;
  int is_fp32 = model->numeric_class == MILLRACE_CLASS_FP32;
  // Values between products have the width of attention's operands: fp32 or bf16.
  size_t between = is_fp32 || !model->use->has_bf16 ? 4 : 2, operand = operand_bytes(model->use, model->numeric_class);
  size_t padded = (length_max + 63) / 64 * 64;
  // Keys, values, the scores of up to 14 rows (one tile), and their shares after softmax.
  size_t attention = padded * head * 4 * 2 + padded * 14 * 4 * 2;
  for (size_t i = 0; i < threads; i++) {
    struct lane *lane = scratch->lanes + i;
    size_t sizes[] = {
        tokens_max * width * 4,      is_fp32 ? 0 : tokens_max * width * operand, tokens_max * 4,
        tokens_max * width * 3 * between, tokens_max * width * between,          BLOCK_ROWS * inner * between,
        BLOCK_ROWS * (inner > width ? inner : width) * model->use->int8_bytes,   BLOCK_ROWS * 4,
        attention,
    };
    void **parts[] = {
        (void **)&lane->values, &lane->operands, (void **)&lane->scales,
        &lane->projected,       &lane->context,  &lane->inner,
        &lane->quantised,       (void **)&lane->quantised_scales, (void **)&lane->attention,
    };
    for (size_t part = 0; part < sizeof sizes / sizeof *sizes; part++) {
      *parts[part] = aligned(sizes[part]);
      scratch->bytes += sizes[part];
      if (!*parts[part]) {
        millrace_scratch_free(scratch);
        return NULL;
      }
    }
  }
  return scratch;
}

void millrace_scratch_free(struct millrace_scratch *scratch) {
  if (!scratch) return;
  if (scratch->team) team_free(scratch->team);
  for (size_t i = 0; scratch->lanes && i < scratch->threads; i++) release(scratch->lanes + i);
  free(scratch->lanes);
  free(scratch);
}

size_t millrace_scratch_bytes(const struct millrace_scratch *scratch) { return scratch->bytes; }

/// How the threads of a team divide a pack.
enum division {
  /// Each thread takes whole sequences, and waits for no other thread.
  SEQUENCES,
  /// Each thread takes rows; attention is divided by heads.
  ROWS,
  /// Each thread takes some outputs of every product, and attention is divided by heads: for so few rows that each
  /// thread would get less than two tiles.
  OUTPUTS,
};

struct range {
  size_t first, last;
};

static struct range share(size_t count, size_t member, size_t members) {
  return (struct range){count * member / members, count * (member + 1) / members};
}

/// A pack, as one thread sees it.
struct pass {
  const struct millrace_model *model;
  /// The buffers that the members share, and this member's own buffers. The same if a thread works alone.
  struct lane *shared, *own;
  struct team *team;
  size_t member, members;
  enum division division;
  const int32_t *ids;
  const size_t *lengths;
  size_t count, total;
  float *out;
};

static void meet(const struct pass *pass) {
  if (pass->members > 1) team_meet(pass->team);
}

static void embed(const struct pass *pass, struct range rows) {
  const struct millrace_model *model = pass->model;
  size_t width = model->shape.width, row = 0;
  for (size_t sequence = 0; sequence < pass->count; row += pass->lengths[sequence++]) {
    for (size_t token = 0; token < pass->lengths[sequence]; token++) {
      if (row + token < rows.first || row + token >= rows.last) continue;
      int32_t given = pass->ids[row + token];
      size_t id = given < 0 ? 0 : (size_t)given;
      const float *word = model->words + (id < model->word_count ? id : model->word_count - 1) * width;
      const float *position =
          model->positions + (token < model->position_count ? token : model->position_count - 1) * width;
      float *to = pass->shared->values + (row + token) * width;
      for (size_t i = 0; i < width; i++) to[i] = word[i] + position[i];
    }
  }
}

static void pool(const struct pass *pass, struct range sequences) {
  size_t width = pass->model->shape.width;
  const float *from = pass->shared->values;
  float *out = pass->out;
  for (size_t sequence = 0; sequence < pass->count; sequence++, out += width) {
    size_t length = pass->lengths[sequence];
    if (sequence >= sequences.first && sequence < sequences.last) {
      memset(out, 0, width * 4);
      for (size_t token = 0; token < length; token++) {
        for (size_t i = 0; i < width; i++) out[i] += from[token * width + i];
      }
      float squares = 0;
      for (size_t i = 0; i < width; i++) {
        out[i] /= (float)length;
        squares += out[i] * out[i];
      }
      float inverse = 1.0f / fmaxf(sqrtf(squares), 1e-12f);
      for (size_t i = 0; i < width; i++) out[i] *= inverse;
    }
    from += length * width;
  }
}

static void forward(const struct pass *pass) {
  const struct millrace_model *model = pass->model;
  const struct kernels *use = model->use;
  const struct millrace_encoder_shape *shape = &model->shape;
  struct lane *shared = pass->shared, *own = pass->own;
  int numeric_class = model->numeric_class, is_int8 = numeric_class == MILLRACE_CLASS_INT8;
  int is_bf16 = numeric_class == MILLRACE_CLASS_BF16 || (is_int8 && use->has_bf16);
  size_t width = shape->width, inner = shape->inner, total = pass->total, heads = width / shape->head_width;
  size_t operand = operand_bytes(use, numeric_class), between = is_bf16 ? 2 : 4;
  int by_outputs = pass->division == OUTPUTS;
  struct range all = {0, total}, mine = share(total, pass->member, pass->members);
  struct range rows = by_outputs ? all : mine;
  struct range of_heads = share(heads, pass->member, pass->members);
  // Ranges of outputs, counted in panels.
  size_t panel = use->panel, members = by_outputs ? pass->members : 1, member = by_outputs ? pass->member : 0;
  struct range triple = share(3 * width / panel, member, members), narrow = share(width / panel, member, members),
               broad = share(inner / panel, member, members);
  char *operands = numeric_class == MILLRACE_CLASS_FP32 ? (char *)shared->values : shared->operands;
  char *projected = shared->projected, *context = shared->context;
  char *wide = by_outputs ? shared->inner : own->inner;

  embed(pass, mine);
  use->norm(shared->values + mine.first * width, mine.last - mine.first, width, model->norm, model->norm + width,
            shape->epsilon, numeric_class, operands + mine.first * width * operand, shared->scales + mine.first);
  if (by_outputs) meet(pass);
  for (size_t layer = 0; layer < model->layer_count; layer++) {
    const struct block *block = model->layers + layer;
    for (size_t row = rows.first; row < rows.last; row += BLOCK_ROWS) {
      size_t count = rows.last - row < BLOCK_ROWS ? rows.last - row : BLOCK_ROWS;
      use->linear(&block->projections, operands + row * width * operand, shared->scales + row, count,
                  triple.first * panel, triple.last * panel, FOLLOW_NOTHING, is_bf16,
                  projected + row * 3 * width * between, 3 * width);
    }
    meet(pass);
    for (size_t sequence = 0, row = 0; sequence < pass->count; row += pass->lengths[sequence++]) {
      use->attend(projected + row * 3 * width * between, is_bf16, pass->lengths[sequence], width, shape->head_width,
                  of_heads.first, of_heads.last, context + row * width * between, own->attention);
    }
    meet(pass);
    for (size_t row = rows.first; row < rows.last; row += BLOCK_ROWS) {
      size_t count = rows.last - row < BLOCK_ROWS ? rows.last - row : BLOCK_ROWS;
      float *values = shared->values + row * width, *scales = shared->scales + row;
      struct range norms = by_outputs ? mine : (struct range){0, count};
      const void *input = context + row * width * between;
      if (is_int8) {
        use->quantise(input, is_bf16, count, width, own->quantised, own->quantised_scales);
        input = own->quantised;
      }
      use->linear(&block->attention_output, input, own->quantised_scales, count, narrow.first * panel,
                  narrow.last * panel, FOLLOW_ADD, 0, values, width);
      if (by_outputs) meet(pass);
      use->norm(values + norms.first * width, norms.last - norms.first, width, block->norms, block->norms + width,
                shape->epsilon, numeric_class, operands + (row + norms.first) * width * operand,
                scales + norms.first);
      if (by_outputs) meet(pass);
      use->linear(&block->intermediate, operands + row * width * operand, scales, count, broad.first * panel,
                  broad.last * panel, FOLLOW_GELU, is_bf16, wide, inner);
      if (by_outputs) meet(pass);
      input = wide;
      if (is_int8) {
        use->quantise(input, is_bf16, count, inner, own->quantised, own->quantised_scales);
        input = own->quantised;
      }
      use->linear(&block->output, input, own->quantised_scales, count, narrow.first * panel, narrow.last * panel,
                  FOLLOW_ADD, 0, values, width);
      if (by_outputs) meet(pass);
      use->norm(values + norms.first * width, norms.last - norms.first, width, block->norms + 2 * width,
                block->norms + 3 * width, shape->epsilon, numeric_class,
                operands + (row + norms.first) * width * operand, scales + norms.first);
      if (by_outputs) meet(pass);
    }
  }
  // Another member may have computed some rows of a sequence.
  meet(pass);
  pool(pass, share(pass->count, pass->member, pass->members));
}

/// The first sequence of a member, when each member takes whole sequences with nearly the same number of tokens.
static size_t boundary(const struct pass *pack, size_t member, size_t members) {
  size_t aim = pack->total * member / members, before = 0, sequence = 0;
  while (sequence < pack->count && before + pack->lengths[sequence] / 2 < aim) before += pack->lengths[sequence++];
  return member == members ? pack->count : sequence;
}

struct job {
  struct pass pack;
  struct millrace_scratch *scratch;
  size_t members;
};

static void work(void *context, size_t member) {
  struct job *job = context;
  struct pass pass = job->pack;
  struct lane *lanes = job->scratch->lanes;
  size_t members = job->members;
  pass.own = lanes + member;
  if (pass.division == SEQUENCES) {
    size_t first = boundary(&pass, member, members), last = boundary(&pass, member + 1, members), rows = 0;
    for (size_t i = 0; i < first; i++) rows += pass.lengths[i];
    pass.ids += rows;
    pass.lengths += first;
    pass.out += first * pass.model->shape.width;
    pass.count = last - first;
    pass.total = 0;
    for (size_t i = 0; i < pass.count; i++) pass.total += pass.lengths[i];
    pass.shared = pass.own;
    pass.member = 0;
    pass.members = 1;
    if (pass.count == 0) return;
  } else {
    pass.shared = lanes;
    pass.member = member;
    pass.members = members;
  }
  forward(&pass);
}

void millrace_encode(const struct millrace_model *model, struct millrace_scratch *scratch, const int32_t *ids,
                     const size_t *lengths, size_t count, float *out) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (lengths[i] > scratch->length_max) abort();
    total += lengths[i];
  }
  if (total > scratch->tokens_max) abort();
  if (count == 0) return;
  size_t threads = scratch->threads;
  struct pass pack = {.model = model, .team = scratch->team, .ids = ids, .lengths = lengths, .count = count,
                      .total = total, .out = out};
  // A tile has up to 14 rows: with fewer than two tiles for each thread, outputs divide better than rows. Attention is
  // divided by heads.
  if (threads > 1 && count >= 4 * threads) {
    pack.division = SEQUENCES;
  } else if (total <= BLOCK_ROWS && total < 28 * threads) {
    pack.division = OUTPUTS;
  } else {
    pack.division = ROWS;
  }
  struct job job = {pack, scratch, threads};
  if (threads > 1 && team_run(scratch->team, work, &job, pack.division != SEQUENCES)) return;
  job.members = 1;
  job.pack.division = ROWS;
  work(&job, 0);
}

// For tests.

int millrace_test_linear(int set, int numeric_class, const float *weights, const float *bias, size_t outputs, size_t inputs,
                         const float *rows, size_t count, int is_gelu, float *out) {
  const struct kernels *use = kernels_of(set);
  struct millrace_linear linear = {0};
  size_t operand = operand_bytes(use, numeric_class);
  void *input = aligned(count * inputs * 4);
  float *scales = aligned(count * 4);
  int is_packed = pack(&linear, use, numeric_class, &weights, &bias, 1, outputs, inputs);
  if (input && scales && is_packed) {
    for (size_t i = 0; i < count * inputs; i++) {
      uint16_t half = bf16_of(rows[i]);
      if (operand == 4) memcpy((char *)input + 4 * i, rows + i, 4);
      if (numeric_class == MILLRACE_CLASS_BF16) memcpy((char *)input + 2 * i, &half, 2);
    }
    if (numeric_class == MILLRACE_CLASS_INT8) use->quantise(rows, 0, count, inputs, input, scales);
    use->linear(&linear, input, scales, count, 0, outputs, is_gelu ? FOLLOW_GELU : FOLLOW_NOTHING, 0, out, outputs);
  }
  int is_done = input && scales && is_packed;
  unpack(&linear);
  free(input);
  free(scales);
  return is_done;
}

int millrace_test_attention(int set, int is_bf16, const float *projected, size_t length, size_t width, size_t head_width,
                            float *out) {
  const struct kernels *use = kernels_of(set);
  size_t padded = (length + 63) / 64 * 64, count = length * 3 * width;
  uint16_t *halves = aligned(count * 2), *context = aligned(length * width * 2);
  uint32_t *memory = aligned(padded * head_width * 4 * 2 + padded * 14 * 4 * 2);
  int is_done = halves && context && memory;
  if (is_done && is_bf16) {
    for (size_t i = 0; i < count; i++) halves[i] = bf16_of(projected[i]);
    use->attend(halves, 1, length, width, head_width, 0, width / head_width, context, memory);
    for (size_t i = 0; i < length * width; i++) {
      uint32_t bits = (uint32_t)context[i] << 16;
      memcpy(out + i, &bits, 4);
    }
  } else if (is_done) {
    use->attend(projected, 0, length, width, head_width, 0, width / head_width, out, memory);
  }
  free(halves);
  free(context);
  free(memory);
  return is_done;
}

void millrace_test_norm(int set, float *values, size_t rows, size_t columns, const float *gamma, const float *beta,
                        float epsilon) {
  kernels_of(set)->norm(values, rows, columns, gamma, beta, epsilon, MILLRACE_CLASS_FP32, values, NULL);
}
