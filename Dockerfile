# echojax on CPUs:          docker build -t echojax .
# echojax on NVIDIA GPUs:   docker build -t echojax --build-arg EXTRA=cuda .
FROM python:3.13-slim AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
ARG EXTRA=""
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/echojax-*.whl)${EXTRA:+[$EXTRA]}" \
    && useradd --create-home --uid 1000 echojax \
    && install --directory --owner echojax /study
USER 1000
# Whoever it runs as (docker run --user), what it keeps between runs lies in the mounted folder.
ENV ECHOJAX_COMPILATION_CACHE=/study/.echojax/xla \
    ECHOJAX_WEIGHTS=/study/.echojax/weights \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /study
ENTRYPOINT ["echojax"]
