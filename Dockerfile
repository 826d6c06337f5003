FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: the postinstall needs the sources, and the image has its own Node.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# Prisma's client and the pages are made while the packages that make them are there. Optional packages are the embedded
# PostgreSQL and native speed-ups; the image expects DB_URL.
RUN npm run generate && npm run build:web && npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# Half of what is left nobody loads: source maps, types, and Prisma's compilers for other databases.
RUN find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \
    -o -path '*/@prisma/client/runtime/*' -name 'query_compiler*' ! -name '*.postgresql.*' \) -delete

FROM node:24-bookworm-slim
WORKDIR /app
# glibc keeps an arena of freed memory for every thread unless told otherwise, and what it once gave away in large pieces: some
# 30 MB each in a worker.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8088 DATA_DIR=/data
RUN mkdir -p /data node_modules/.cache && chown node:node /data node_modules/.cache
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/prisma/migrations ./prisma/migrations
COPY --from=build /app/dist ./dist
COPY --from=build /app/src ./src
COPY --from=build /app/worker ./worker
USER node
# What Node makes of the sources is kept in the image, for the running container cannot write there. It belongs to the flags
# that it was made with: the server's, then the worker's.
RUN ["node", "--import", "./src/infra/compile-cache.js", "--max-semi-space-size=32", "src/cli/compile.ts"]
RUN ["node", "--import", "./src/infra/compile-cache.js", "--max-semi-space-size=4", "--heap-growing-percent=50", "src/cli/compile.ts"]
EXPOSE 8088
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# A worker is the same image with --max-semi-space-size=4 --heap-growing-percent=50 worker/main.ts at the end.
CMD ["node", "--import", "./src/infra/compile-cache.js", "--max-semi-space-size=32", "src/main.ts"]
