//! The program `lictree`. Everything it does is in the library, behind `edge`.

fn main() -> std::process::ExitCode {
    lictree::edge::cli::run()
}
