//! The binary `ringmaster`; everything is in the library, where fuzz targets can reach it.

#[global_allocator]
static ALLOCATOR: server::Allocator = server::Allocator;

fn main() {
    server::run();
}
