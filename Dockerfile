# The page on a CPU: docker build -t mmcore-studio . && docker run -p 7860:7860 -v mmcore:/home/user/data mmcore-studio
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/app

# Torch without CUDA, and the other libraries, in a layer that changes rarely; the last is for `--profile qdrant`.
COPY requirements.txt .
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    -r requirements.txt "qdrant-client>=1.13"

COPY --chown=user mmcore mmcore
COPY --chown=user demo demo
COPY --chown=user assets assets
RUN mkdir /home/user/data && chown user /home/user/data

USER 1000
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    HF_HOME=/home/user/data/hf \
    MMCORE_HOME=/home/user/data/mmcore \
    PYTHONUNBUFFERED=1
VOLUME /home/user/data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/health', timeout=8)"]
CMD ["python", "-m", "demo"]
