FROM node:24-bookworm-slim

WORKDIR /app
ENV GRAPHILE_ENV=production

COPY --chown=node:node package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

# The committed migrations are readable by their owner alone.
COPY --chown=node:node db ./db
COPY --chown=node:node src ./src
# Where a generated development secret is kept; a volume is mounted over it and takes on its owner.
RUN mkdir .data && chown node:node .data

USER node
EXPOSE 5678
# Not npm, which would die before its child on a signal.
CMD ["node", "src/server.ts"]
