import Caplet

extension CostEstimate {
    /// For the plan of `compress --dry-run`.
    var text: String {
        guard let seconds, let bytes else { return "not known: \(unknown.joined(separator: ", ")) cannot say before it runs" }
        let time = seconds < 1 ? "under 1 s" : "about \(NumberText.grouped(Int(min(seconds.rounded(), 1e15)))) s"
        let memory = bytes < 50_000_000 ? "under 50 MB" : "about \(NumberText.grouped(bytes / 1_000_000)) MB"
        return "\(time) and \(memory) of memory on this machine, reading and writing files not counted"
    }

    /// A line a pass, and one for scratch where there is much of it; none for what takes no time.
    var details: [String] {
        guard let seconds, seconds >= 1 else { return [] }
        var lines = stages.map { stage in
            "  \(stage.pass): about \(NumberText.grouped(Int(min(stage.seconds.rounded(), 1e15)))) s, up to \(NumberText.grouped(stage.tasks)) tasks side by side"
        }
        if let scratchBytes, scratchBytes >= 100_000_000 {
            lines.append("scratch     about \(NumberText.grouped(scratchBytes / 1_000_000)) MB")
        }
        return lines
    }
}
