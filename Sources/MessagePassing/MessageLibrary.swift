import CLibrary
import Execution

/// The functions of libcaplet-mpi.so, which is compiled from MPI/caplet-mpi.c by the MPI that is there and loaded at run time.
struct MessageLibrary {
    typealias Number = Int32
    typealias Numbers = UnsafeMutablePointer<Int32>

    let open: @convention(c) (Numbers, Numbers, UnsafeMutablePointer<CChar>, Number) -> Number
    let send: @convention(c) (UnsafeRawPointer?, Number, Number, Number, Numbers) -> Number
    let receive: @convention(c) (UnsafeMutableRawPointer?, Number, Number, Number, Numbers) -> Number
    let test: @convention(c) (Number, Numbers, Numbers) -> Number
    let cancel: @convention(c) (Number, Numbers) -> Number
    let probe: @convention(c) (Number, Numbers, Numbers, Numbers) -> Number
    let explain: @convention(c) (Number, UnsafeMutablePointer<CChar>, Number) -> Void
    let abort: @convention(c) (Number) -> Void
    let close: @convention(c) () -> Number

    static let fileName = "libcaplet-mpi.so"
    private static let version: Int32 = 1

    /// - Parameter path: of the library; nil to look beside the program, in ../lib/caplet, and where the system has its libraries.
    /// - Throws: `EnsembleError` of kind unsupported.
    init(_ path: String?) throws {
        let (handle, found) = try MessageLibrary.load(path)
        func function<Function>(_ name: String, _ type: Function.Type) throws -> Function {
            guard let symbol = dlsym(handle, "caplet_mpi_\(name)") else {
                throw EnsembleError(.unsupported, "\(found): has no function caplet_mpi_\(name); `make mpi` makes it anew")
            }
            return unsafeBitCast(symbol, to: type)
        }
        let theirs = try function("version", (@convention(c) () -> Number).self)()
        guard theirs == MessageLibrary.version else {
            throw EnsembleError(
                .unsupported,
                "\(found): is of version \(theirs), and this program takes \(MessageLibrary.version); `make mpi` makes it anew")
        }
        open = try function("open", (@convention(c) (Numbers, Numbers, UnsafeMutablePointer<CChar>, Number) -> Number).self)
        send = try function("send", (@convention(c) (UnsafeRawPointer?, Number, Number, Number, Numbers) -> Number).self)
        receive = try function("receive", (@convention(c) (UnsafeMutableRawPointer?, Number, Number, Number, Numbers) -> Number).self)
        test = try function("test", (@convention(c) (Number, Numbers, Numbers) -> Number).self)
        cancel = try function("cancel", (@convention(c) (Number, Numbers) -> Number).self)
        probe = try function("probe", (@convention(c) (Number, Numbers, Numbers, Numbers) -> Number).self)
        explain = try function("explain", (@convention(c) (Number, UnsafeMutablePointer<CChar>, Number) -> Void).self)
        abort = try function("abort", (@convention(c) (Number) -> Void).self)
        close = try function("close", (@convention(c) () -> Number).self)
    }

    /// Open MPI looks its own plugins up among the symbols of the process: they have to be there for all.
    private static func load(_ path: String?) throws -> (UnsafeMutableRawPointer, String) {
        var reasons: [String] = []
        for candidate in path.map({ [$0] }) ?? candidates {
            if candidate.contains("/"), access(candidate, F_OK) != 0 {
                if path != nil { reasons.append("\(candidate): \(String(cString: strerror(errno)))") }
                continue
            }
            if let handle = dlopen(candidate, RTLD_NOW | RTLD_GLOBAL) { return (handle, candidate) }
            reasons.append(dlerror().map { String(cString: $0) } ?? candidate)
        }
        let reason = reasons.last ?? "there is no \(fileName) beside the program"
        throw EnsembleError(.unsupported, "messages between ranks need \(fileName), which `make mpi` makes: \(reason)")
    }

    private static var candidates: [String] {
        guard let program = ProgramFile.resolvedPath else { return [fileName] }
        let folder = program.lastIndex(of: "/").map { String(program[..<$0]) } ?? "."
        return ["\(folder)/\(fileName)", "\(folder)/../lib/caplet/\(fileName)", fileName]
    }
}
