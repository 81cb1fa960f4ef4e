import CLibFuzzer
import FuzzTargets
import Glibc

/// `fuzz TARGET [OPTION…] [FOLDER…]`: libFuzzer on one of the parsers.
@main
struct Main {
    static func main() {
        guard CommandLine.argc > 1, let name = CommandLine.unsafeArgv[1].map({ String(cString: $0) }), FuzzTarget.select(name) else {
            print(FuzzTarget.names.joined(separator: "\n"))
            exit(CommandLine.argc > 1 ? 64 : 0)
        }
        // libFuzzer parses what is left.
        var count = CommandLine.argc - 1
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { data, size in
                FuzzTarget.run(UnsafeRawBufferPointer(start: data, count: size))
                return 0
            })
    }
}
