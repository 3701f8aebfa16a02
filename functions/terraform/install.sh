#!/bin/sh
# Puts Terraform into bin/: the pinned release, checked, or the one that TERRAFORM_BINARY names.
set -eu

mkdir -p bin
if [ -n "${TERRAFORM_BINARY:-}" ]; then
    echo "TERRAFORM_BINARY is set: $TERRAFORM_BINARY is taken as it is. Nothing is downloaded, no checksum compared."
    ln -sf "$TERRAFORM_BINARY" bin/terraform
else
    case "$(uname -m)" in
        x86_64) platform=linux_amd64 expected=$TERRAFORM_SHA256_AMD64 ;;
        aarch64) platform=linux_arm64 expected=$TERRAFORM_SHA256_ARM64 ;;
        *) echo "No Terraform is pinned for $(uname -m)." >&2; exit 1 ;;
    esac
    archive="terraform_${TERRAFORM_VERSION}_$platform.zip"
    curl --fail --silent --show-error --location --retry 3 --output "bin/$archive" \
        "$TERRAFORM_RELEASES/$TERRAFORM_VERSION/$archive"
    echo "$expected  bin/$archive" | sha256sum --check -
    python -m zipfile -e "bin/$archive" bin
    chmod +x bin/terraform
    rm "bin/$archive"
fi
bin/terraform version

# Providers that were built rather than released (from a mirror of one's own) have checksums of their own.
if [ "$TERRAFORM_LOCKFILE" != readonly ]; then
    echo "TERRAFORM_LOCKFILE is '$TERRAFORM_LOCKFILE': the provider is not compared with .terraform.lock.hcl."
    rm -f .terraform.lock.hcl
fi
