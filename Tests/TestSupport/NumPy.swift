import Foundation
import LinearAlgebra
import XCTest

/// Runs references that are written in NumPy, in double precision.
public enum NumPy {
    /// What `script` leaves in `result`, an array or a list of them, flat.
    ///
    /// - Parameters:
    ///   - arrays: matrices by the names that the script has for them; `np` is NumPy.
    /// - Throws: `PythonProcess.Failure`.
    public static func result(of script: String, _ arrays: KeyValuePairs<String, Matrix> = [:]) throws -> [Double] {
        let folder = try TemporaryFolder()
        var header = "import sys, numpy as np\n"
        for (name, matrix) in arrays {
            let path = folder.path(name)
            try matrix.elements.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
            header += "\(name) = np.fromfile('\(path)', dtype=np.float32).astype(np.float64).reshape(\(matrix.rows), \(matrix.columns))\n"
        }
        let path = folder.path("result")
        let footer = """

            parts = result if isinstance(result, (list, tuple)) else [result]
            np.concatenate([np.asarray(p, dtype=np.float64).ravel() for p in parts]).tofile('\(path)')
            """
        try PythonProcess.run(header + script + footer)
        return try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    }

    /// The layerwise solvers from their papers' equations: `alps` (arXiv 2406.07831, algorithm 1), `support` of the same problem over-relaxed and
    /// on scaled columns, as `SupportSearch` has it, `least_squares` on it row by row, `low_rank` by SVD-LLM (arXiv 2403.07378) with its Cholesky
    /// factor, `alternate` between them, and `energy`, tr(E H Eᵀ).
    public static let solvers = """
        def energy(e, h):
            return np.einsum('ij,jk,ik->', e, h, e)
        def damped(h):
            return h + 0.01 * np.diag(h).mean() * np.eye(len(h))
        def largest(a, k):
            keep = np.zeros(a.size, bool)
            keep[np.argsort(-np.abs(a).ravel(), kind='stable')[:k]] = True
            return keep.reshape(a.shape)
        def support(r, h, k, steps):
            d = (np.diag(damped(h)) / np.diag(np.linalg.inv(damped(h)))) ** 0.25
            h = damped(h) / np.outer(d, d); r = r * d
            v, s = np.zeros_like(r), np.where(largest(r, k), r, 0)
            for t in range(steps):
                rho = 0.4 * (1.3 / 0.4) ** ((t // 2) / ((steps - 1) // 2))
                w = np.linalg.solve(h + rho * np.eye(len(h)), (r @ h - v + rho * s).T).T
                w = 1.5 * w - 0.5 * s
                s = np.where(largest(w + v / rho, k), w + v / rho, 0)
                v = v + rho * (w - s)
            return s != 0, s / d
        def alps(r, h, k, steps):
            d = np.sqrt(np.diag(damped(h))); h = damped(h) / np.outer(d, d); r = r * d
            rho, v = 0.1, np.zeros_like(r); s = np.where(largest(r, k), r, 0); before = s != 0
            for t in range(1, steps + 1):
                w = np.linalg.solve(h + rho * np.eye(len(h)), (r @ h - v + rho * s).T).T
                keep = largest(w + v / rho, k)
                s = np.where(keep, w + v / rho, 0)
                v = v + rho * (w - s)
                if t % 3 == 0:
                    changed = np.count_nonzero(keep != before)
                    if changed == 0: break
                    rho *= 1.3 if changed >= 0.1 * k else 1.2 if changed >= 0.005 * k else 1.1
                    before = keep
            return s != 0, s / d
        def least_squares(r, h, keep):
            h = damped(h); s = np.zeros_like(r); g = r @ h
            for i in range(len(r)):
                q = np.flatnonzero(keep[i])
                if len(q): s[i, q] = np.linalg.solve(h[np.ix_(q, q)], g[i, q])
            return s
        def low_rank(a, h, r):
            c = np.linalg.cholesky(h); u, x, v = np.linalg.svd(a @ c, full_matrices=False)
            return (u[:, :r] * x[:r]) @ np.linalg.solve(c.T, v[:r].T).T
        def alternate(w, h, l, r, k):
            for _ in range(3 if r else 0):
                l = low_rank(w - support(w - l, h, k, 10)[1], h, r)
            return l + least_squares(w - l, h, support(w - l, h, k, 20)[0])

        """
}
