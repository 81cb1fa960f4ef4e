import Caplet

/// What `compress` prints.
struct CompressionReport {
    let result: CompressionResult

    func print(_ session: Session) throws {
        if session.options.json {
            session.print(try JSONOutput.line(result))
            return
        }
        for pass in result.passes { printPass(pass, session) }
        session.print(
            "wrote \(result.output): parameters \(NumberText.grouped(result.parametersBefore)) → \(NumberText.grouped(result.parametersAfter)), "
                + "in linear layers \(NumberText.grouped(result.linearParametersBefore)) → \(NumberText.grouped(result.linearParametersAfter))"
        )
        for line in result.costLines {
            session.print(line.name + String(repeating: " ", count: max(11 - line.name.count, 1)) + line.value)
        }
    }

    private func printPass(_ pass: PassReport, _ session: Session) {
        session.print(
            "\(pass.pass): \(pass.tensors.count) tensors, relative error \(NumberText.significant(pass.relativeError)), "
                + "\(NumberText.decimal(pass.seconds, places: 1)) s")
        if session.options.verbose, let work = pass.work, work.operations > 0 {
            func share(_ part: Int) -> String { NumberText.decimal(100 * Double(part) / Double(work.operations), places: 1) }
            session.print(
                "  \(NumberText.decimal(work.cpuSeconds, places: 1)) s of processors, \(NumberText.significant(Double(work.operations))) operations: "
                    + "\(share(work.productOperations)) % products, \(share(work.sharedOperations)) % side by side")
        }
        for note in pass.notes { session.print("  \(note)") }
        if session.options.verbose { printCodes(pass, session) }
        for (reason, names) in grouped(pass.leftAlone) {
            let list = names.count <= 3 ? names.joined(separator: ", ") : "\(names.count) tensors"
            session.print("  left alone: \(list) (\(reason))")
        }
    }

    /// Of codes for an entropy coder: what rank and zeros come to in each tensor.
    private func printCodes(_ pass: PassReport, _ session: Session) {
        let coded = pass.tensors.filter { $0.measurement("zeroShare") != nil }
        guard !coded.isEmpty else { return }
        var table = TextTable(
            header: ["tensor", "bits a weight", "rank", "bytes of it", "saved by it", "zeros", "saved by them"], rightAligned: Set(1...6))
        for tensor in coded {
            func figure(_ name: String) -> Double { tensor.measurement(name) ?? 0 }
            func bytes(_ name: String) -> String { NumberText.grouped(Int(figure(name).rounded())) }
            let hasRank = figure("componentRank") > 0
            table.add([
                tensor.name, NumberText.decimal(figure("entropyBitsPerWeight"), places: 3), hasRank ? bytes("componentRank") : "",
                hasRank ? bytes("componentBytes") : "", hasRank ? bytes("componentSavedBytes") : "",
                "\(NumberText.decimal(100 * figure("zeroShare"), places: 1)) %", bytes("zerosSavedBytes"),
            ])
        }
        for line in table.lines { session.print("  \(line)") }
    }

    private func grouped(_ entries: [LeftAlone]) -> [(reason: String, names: [String])] {
        var groups: [(reason: String, names: [String])] = []
        for entry in entries {
            if let index = groups.firstIndex(where: { $0.reason == entry.reason }) {
                groups[index].names.append(entry.name)
            } else {
                groups.append((entry.reason, [entry.name]))
            }
        }
        return groups
    }
}
