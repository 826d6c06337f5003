FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: the postinstall needs the sources, and the image has its own Node.
RUN npm ci --ignore-scripts
COPY . .
# Prisma's client is generated while the devDependency prisma is there. Optional packages are the embedded PostgreSQL
# and native speed-ups; the image expects DB_URL.
RUN npm run generate && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8088 DATA_DIR=/data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/prisma/migrations ./prisma/migrations
COPY --from=build /app/src ./src
COPY --from=build /app/worker ./worker
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8088
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# A worker is the same image with the command: node --max-semi-space-size=8 worker/main.ts
CMD ["node", "--max-semi-space-size=8", "src/main.ts"]
