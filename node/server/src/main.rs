//! The binary `ringmaster`; everything is in the library, where fuzz targets can reach it.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    server::run();
}
