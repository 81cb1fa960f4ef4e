import Foundation
import XCTest

/// The kernels as they are compiled for ARM, under qemu, beside themselves without optimisation and beside this machine's.
final class ProcessorTests: XCTestCase {
    private static let emulator = ["qemu-aarch64"]

    private func expectEqual(_ ours: [KernelProgram.Line], _ theirs: [KernelProgram.Line], _ what: String) {
        XCTAssertFalse(ours.isEmpty, what)
        XCTAssertEqual(ours.map(\.name), theirs.map(\.name), what)
        for (one, other) in zip(ours, theirs) where one.digest != other.digest {
            XCTFail("\(what): \(one.name), path \(one.path), is \(one.digest), not \(other.digest)")
        }
    }

    /// What NEON computes, by intrinsics or because loops became vectors, is bit for bit what single steps in order compute.
    func testNEONIsPlainC() throws {
        let plain = try KernelProgram(KernelProgram.arm + ["-O0"], emulator: ProcessorTests.emulator)
        for level in ["-O2", "-O3"] {
            let vectors = try KernelProgram(KernelProgram.arm + [level], emulator: ProcessorTests.emulator)
            expectEqual(vectors.lines, plain.lines, "ARM \(level) and -O0")
        }
        expectPathsAgree(plain.lines)
    }

    /// Casts, codecs, and products with weights as they are stored have the same bits everywhere.
    func testBitsThatAreDefinedAreThoseOfThisMachine() throws {
        let arm = try KernelProgram(KernelProgram.arm + ["-O2"], emulator: ProcessorTests.emulator)
        let own = try KernelProgram(["-O2"])
        expectPathsAgree(arm.lines)
        expectPathsAgree(own.lines)
        XCTAssertTrue(arm.lines.contains { $0.path == "narrow" }, "NEON was not run")
        expectEqual(defined(own), defined(arm), "this machine and ARM")
        #if arch(x86_64)
            // A processor without AVX.
            let old = try KernelProgram(["-O2"], emulator: ["qemu-x86_64", "-cpu", "qemu64"])
            expectPathsAgree(old.lines)
            XCTAssertFalse(old.lines.contains { $0.path == "narrow" })
            expectEqual(defined(old), defined(arm), "x86-64 without AVX, and ARM")
        #endif
    }

    /// Lines of defined bits, without those of paths that other processors do not have.
    private func defined(_ program: KernelProgram) -> [KernelProgram.Line] {
        program.lines.filter { $0.kind == "exact" && ($0.path == "all" || $0.path == "plain") }
    }

    /// However wide the vectors, the same bits.
    private func expectPathsAgree(_ lines: [KernelProgram.Line]) {
        for (name, group) in Dictionary(grouping: lines, by: \.name) {
            XCTAssertEqual(Set(group.map(\.digest)).count, 1, "\(name): \(group.map { "\($0.path) \($0.digest)" })")
        }
    }

    /// Every function of the header is in the driver, but those that deal with memory and not with numbers.
    func testEveryKernelIsRun() throws {
        let header = try String(contentsOfFile: "\(KernelProgram.kernels)/include/CKernels.h", encoding: .utf8)
        let sources = try FileManager.default.contentsOfDirectory(atPath: KernelProgram.driver)
            .map { try String(contentsOfFile: "\(KernelProgram.driver)/\($0)", encoding: .utf8) }.joined()
        let declared = Set(
            try NSRegularExpression(pattern: "^[a-z][a-z0-9_ ]*[ *](caplet_[a-z0-9_]+)\\(", options: .anchorsMatchLines)
                .matches(in: header, range: NSRange(header.startIndex..., in: header))
                .compactMap { Range($0.range(at: 1), in: header).map { String(header[$0]) } })
        XCTAssertGreaterThan(declared.count, 90)
        let memory: Set = ["caplet_release_free_memory", "caplet_return_large_memory", "caplet_use_huge_pages"]
        for name in declared.subtracting(memory).sorted() where !sources.contains(name) { XCTFail("\(name) is not run") }
    }
}
