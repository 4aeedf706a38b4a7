#!/bin/sh
# install-packages.sh PACKAGE...: install those of the Debian packages that are missing.
# Packages of servers would start one for the whole machine; ours are private, so those are kept from starting.
set -eu

has() {
    case $1 in
        rabbitmq-server) [ -n "${VIRAL_RABBITMQ_URL:-}" ] || grep -qs '^VIRAL_RABBITMQ_URL=.' .env || ls /usr/lib/rabbitmq/bin/rabbitmq-server \
            /opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server /usr/local/opt/rabbitmq/sbin/rabbitmq-server 2>/dev/null | grep -q . ;;
        postgresql) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ;;
        caddy) command -v caddy >/dev/null ;;
        chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ;;
        # Of Linux alone: elsewhere the tests that need them are skipped.
        iproute2) [ "$(uname)" = Darwin ] || command -v ip >/dev/null ;;
        nftables) [ "$(uname)" = Darwin ] || command -v nft >/dev/null || [ -x /usr/sbin/nft ] ;;
        *) dpkg -s "$1" >/dev/null 2>&1 ;;
    esac
}

missing=
for package in "$@"; do
    has "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

give_up() {
    echo "error:$missing: not installed. $1" >&2
    case $missing in
        *rabbitmq*) echo "       Or point VIRAL_RABBITMQ_URL at a RabbitMQ server." >&2 ;;
    esac
    exit 1
}

[ "$(uname)" != Darwin ] || give_up "Do it with: brew install$(echo "$missing" | sed 's/-server//')"
command -v apt-get >/dev/null || give_up "Do it with your system's package manager."

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }; then
    as_root=sudo
else
    give_up "Ask somebody who may: apt-get install$missing"
fi

echo "installing$missing"
# What follows runs as root. policy-rc.d is Debian's way to say that no service starts during an installation.
$as_root env DEBIAN_FRONTEND=noninteractive missing="$missing" sh -eu -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf "#!/bin/sh\nexit 101\n" >"$policy"
        chmod 755 "$policy"
        trap "rm -f $policy" EXIT
        trap "exit 1" HUP INT TERM
    fi
    install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing; }
    # Its package would have epmd listen on every address from the next boot on.
    case $missing in
        *rabbitmq-server*) dpkg -s erlang-base >/dev/null 2>&1 || epmd="epmd.service epmd.socket" ;;
    esac
    log=$(mktemp)
    if ! install >"$log" 2>&1 && ! { apt-get -o DPkg::Lock::Timeout=300 update && install; } >"$log" 2>&1; then
        tail -n 3 "$log" >&2
        exit 1
    fi
    rm -f "$log"
    case $missing in
        *rabbitmq-server*) systemctl disable rabbitmq-server ${epmd:-} >/dev/null 2>&1 || true ;;
    esac
    for server in postgresql caddy patroni etcd-server; do
        case $missing in
            *"$server"*) systemctl disable "${server%-server}" >/dev/null 2>&1 || true ;;
        esac
    done
' || give_up "apt-get install$missing failed, see above."
