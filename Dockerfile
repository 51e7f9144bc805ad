# For a release, with the digest: --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24-bookworm-slim

# The console's files. Its tools are in no image.
FROM ${NODE_IMAGE} AS console
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY console ./console
RUN node console/build.ts

FROM ${NODE_IMAGE} AS build
WORKDIR /app

# What the image consists of besides the service: Node, the libraries it is linked with, and a user. No shell, no package manager.
# The records of the libraries' packages are for scanners, as in other images without a package manager.
RUN set -eu; \
    install -D "$(command -v node)" /image/usr/local/bin/node; \
    ldd /image/usr/local/bin/node | grep -o '/[^ ]*' | xargs -I '{}' cp --dereference --parents '{}' /image; \
    mkdir -p /image/etc /image/var/lib/dpkg/status.d; \
    for package in libc6 libstdc++6 libgcc-s1; do \
      dpkg-query --status "$package" >"/image/var/lib/dpkg/status.d/$package"; \
      install -D -m 644 "/usr/share/doc/$package/copyright" "/image/usr/share/doc/$package/copyright"; \
    done; \
    echo 'node:x:1000:1000::/app:/sbin/nologin' >/image/etc/passwd; \
    echo 'node:x:1000:' >/image/etc/group; \
    echo 'hosts: files dns' >/image/etc/nsswitch.conf; \
    mkdir -m 1777 /image/tmp; \
    for reader in db migrate gateway standby grafana; do install -d -m 750 "/secrets/$reader"; done

COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY ops/image/prune.ts ./
RUN node prune.ts && chmod -R a+rX node_modules

COPY db ./service/db
COPY src ./service/src
COPY ops/secrets.ts ./service/ops/
COPY --from=console /app/console/dist ./service/console/dist
COPY package.json ./service/
# The committed migrations may be readable by their owner alone. What runs cannot change itself.
RUN chmod -R a+rX,go-w service

FROM scratch
WORKDIR /app
ENV GRAPHILE_ENV=production
COPY --from=build /image /
# Volumes take on the owner: who makes the secrets, and the group of those who read them.
COPY --from=build --chown=1000:10001 /secrets /secrets
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/service ./
USER 1000:1000
EXPOSE 5678
# Not npm, which would die before its child on a signal.
ENTRYPOINT []
CMD ["node", "src/server.ts"]
